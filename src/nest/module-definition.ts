import { ConfigurableModuleBuilder, type ConfigurableModuleOptionsFactory } from '@nestjs/common';
import type { RedisPropagatorOptions } from '../options/propagator-options.js';
import { CONFIGURED, REDIS_PROPAGATOR_OPTIONS } from './tokens.js';

/** The options of the module itself, next to those of the library. */
export interface RedisPropagatorModuleExtras {
  /**
   * Whether the providers can be injected everywhere without importing the module again.
   * @default true
   */
  isGlobal?: boolean | undefined;
}

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RedisPropagatorOptions>({
    optionsInjectionToken: REDIS_PROPAGATOR_OPTIONS,
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRedisPropagatorOptions')
    .setExtras<RedisPropagatorModuleExtras>({ isGlobal: true }, (definition, { isGlobal }) => ({
      ...definition,
      providers: [...(definition.providers ?? []), { provide: CONFIGURED, useValue: true }],
      global: isGlobal ?? true,
    }))
    .build();

/** The argument of `forRootAsync`. */
export type RedisPropagatorAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/** A class for `useClass` and `useExisting` of `forRootAsync`. */
export type RedisPropagatorOptionsFactory = ConfigurableModuleOptionsFactory<
  RedisPropagatorOptions,
  'createRedisPropagatorOptions'
>;
