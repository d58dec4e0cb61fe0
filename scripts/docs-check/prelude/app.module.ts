import { Module } from '@nestjs/common';

/** Stands for the app of a reader. */
@Module({})
export class AppModule {}
