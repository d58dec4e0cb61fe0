import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { Config } from '../config.js';
import { AuthController } from './auth.controller.js';
import { LoggedOut } from './logged-out.js';
import { jwtOptions, TokenService } from './token.service.js';

/** Knows nothing of the library: the library asks it who comes. */
@Module({
  imports: [JwtModule.registerAsync({ inject: [Config], useFactory: jwtOptions })],
  controllers: [AuthController],
  providers: [TokenService, LoggedOut],
  exports: [TokenService, LoggedOut],
})
export class AuthModule {}
