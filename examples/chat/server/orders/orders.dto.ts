import { Transform } from 'class-transformer';
import { IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';
import type { OrderRequest } from '../../shared/http.js';
import { MAX_ITEM } from '../../shared/rules.js';

export class OrderDto implements OrderRequest {
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value))
  @IsString({ message: 'An item is text.' })
  @IsNotEmpty({ message: 'An order needs an item.' })
  @MaxLength(MAX_ITEM, { message: `An item has ${MAX_ITEM} characters at most.` })
  item!: string;

  @IsOptional()
  @IsString()
  userId?: string;
}
