import { Body, Controller, NotFoundException, Post, UseGuards } from '@nestjs/common';
import type { OrderResponse } from '../../shared/http.js';
import { RequestAccount, type Account } from '../auth/account.js';
import { BearerGuard } from '../auth/bearer.guard.js';
import { isUser } from '../auth/demo-users.js';
import { OrderDto } from './orders.dto.js';
import { OrdersService } from './orders.service.js';

@UseGuards(BearerGuard)
@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  /** FOR THE DEMO ONLY everybody may order for everybody, to show the case of an offline user. */
  @Post()
  place(
    @Body() { item, userId }: OrderDto,
    @RequestAccount() account: Account,
  ): Promise<OrderResponse> {
    if (userId !== undefined && !isUser(userId)) throw new NotFoundException('No such user');
    return this.orders.place(userId ?? account.userId, item);
  }
}
