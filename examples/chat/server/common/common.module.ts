import { Global, Module } from '@nestjs/common';
import { Config } from '../config.js';
import { Data } from './data.js';

/** Providers that every part of the app uses. */
@Global()
@Module({ providers: [Config, Data], exports: [Config, Data] })
export class CommonModule {}
