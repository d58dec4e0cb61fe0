import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { RedisPropagatorInterceptor } from 'nestjs-redis-propagator';
import { from, map, type Observable } from 'rxjs';

/** An ordinary gateway. The interceptor also sends its responses to the user's other sockets. */
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
export class EventsGateway {
  @SubscribeMessage('events')
  findAll(): Observable<WsResponse<number>> {
    return from([1, 2, 3]).pipe(map((data) => ({ event: 'events', data })));
  }
}
