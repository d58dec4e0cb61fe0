import { IsString, MaxLength } from 'class-validator';
import type { LoginRequest } from '../../shared/http.js';

export class LoginDto implements LoginRequest {
  @IsString()
  @MaxLength(40)
  name!: string;

  @IsString()
  @MaxLength(200)
  password!: string;
}
