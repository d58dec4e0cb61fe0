import { IsBoolean, IsNotEmpty, IsString, Matches, MaxLength } from 'class-validator';
import { Transform } from 'class-transformer';
import { MAX_TEXT, ROOM_PATTERN } from '../../shared/rules.js';

const trimmed = Transform(({ value }: { value: unknown }) =>
  typeof value === 'string' ? value.trim() : value,
);

/** The messages of clients in `/chat`. Error texts are for people: the page shows them next to the input. */
export class RoomDto {
  @Matches(ROOM_PATTERN, {
    message: 'The name of a room has 1 to 20 small letters, digits and hyphens.',
  })
  room!: string;
}

export class MessageDto extends RoomDto {
  @trimmed
  @IsString({ message: 'A message is text.' })
  @IsNotEmpty({ message: 'A message cannot be empty.' })
  @MaxLength(MAX_TEXT, { message: `A message has ${MAX_TEXT} characters at most.` })
  text!: string;

  @Matches(/^[\w-]{1,64}$/, { message: 'clientId has 1 to 64 letters, digits, _ and -.' })
  clientId!: string;
}

export class TypingDto extends RoomDto {
  @IsBoolean({ message: 'typing is true or false.' })
  typing!: boolean;
}

export class DraftDto extends RoomDto {
  @IsString({ message: 'A draft is text.' })
  @MaxLength(MAX_TEXT, { message: `A draft has ${MAX_TEXT} characters at most.` })
  text!: string;
}
