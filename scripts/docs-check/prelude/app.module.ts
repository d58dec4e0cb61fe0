import { Module } from '@nestjs/common';

/** The app of whoever reads the documentation. */
@Module({})
export class AppModule {}
