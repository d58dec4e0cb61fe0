import { IsIn } from 'class-validator';
import { STATUSES, type Status } from '../../shared/model.js';

export class StatusDto {
  @IsIn(STATUSES, { message: `The status is one of ${STATUSES.join(', ')}.` })
  status!: Status;
}
