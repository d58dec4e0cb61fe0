import { BadRequestException, ValidationPipe, type ValidationError } from '@nestjs/common';

/**
 * Data from clients, over HTTP or a socket, must match the DTO, or it is refused with
 * `{ code: 'validation', message: [...] }`. Properties that a DTO does not have are removed.
 *
 * Bound once, in create-app.ts. Since Nest 12 that includes gateways; with Nest 11 they need
 * `@UsePipes(validation)`.
 */
export const validation = new ValidationPipe({
  whitelist: true,
  transform: true,
  // Not the data itself: it may be long, and the client knows it.
  validationError: { target: false, value: false },
  exceptionFactory: (errors) =>
    new BadRequestException({ code: 'validation', message: errors.flatMap(messagesOf) }),
});

function messagesOf({ constraints = {}, children = [] }: ValidationError): string[] {
  return [...Object.values(constraints), ...children.flatMap(messagesOf)];
}
