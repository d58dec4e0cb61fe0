import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { Config } from '../config.js';
import { AuthController } from './auth.controller.js';
import { LoggedOut } from './logged-out.js';
import { jwtOptions, TokenService } from './token.service.js';

/** Does not import the library: the library calls it for each connecting client. */
@Module({
  imports: [JwtModule.registerAsync({ inject: [Config], useFactory: jwtOptions })],
  controllers: [AuthController],
  providers: [TokenService, LoggedOut],
  exports: [TokenService, LoggedOut],
})
export class AuthModule {}
