import { Module } from '@nestjs/common';
import { ChatGateway } from './chat.gateway.js';
import { RoomStore } from './room-store.js';

@Module({ providers: [ChatGateway, RoomStore] })
export class ChatModule {}
