import { until } from '../../support/until.js';
import type { Addressees } from '../app/questions.js';
import type { TestProcess } from './test-process.js';
import * as visits from './visits.js';

/** The number of users that connect at once. As many of them create a room or a namespace of their own. */
const USERS = 125;
const ROOMS = 25;
const NAMESPACES = 5;

/** The rooms and namespaces of the residents, and of some of the visitors. */
const SHARED: Addressees = { userId: 'resident', room: 'lounge', namespace: '/tenant-0' };

/** Clients of an app with two instances. They never reply to requests. */
export class Load {
  private batches = 0;
  private residents: visits.Pair = [];

  constructor(
    private readonly app: TestProcess,
    private readonly urls: readonly string[],
  ) {}

  /** Counts of visitors so far. */
  get total() {
    const { batches } = this;
    return {
      sockets: batches * USERS * this.urls.length,
      rooms: batches * ROOMS,
      namespaces: batches * NAMESPACES,
    };
  }

  /** The residents, who stay until {@link moveOut}. */
  async moveIn(): Promise<void> {
    this.residents = await visits.connectPair(this.urls, SHARED.userId);
    await visits.joinRoom(this.residents, SHARED.room);
    await visits.enterNamespace(this.residents, SHARED.namespace, SHARED.userId);
  }

  async moveOut(): Promise<void> {
    visits.go(this.residents, false);
    await this.untilConnected(0);
  }

  /**
   * A batch of users connects, is sent every request, and disconnects. Returns the number of requests between
   * instances.
   */
  async comeAndGo(): Promise<number> {
    const batch = String(++this.batches);
    const user = (index: number): string => `user-${batch}-${index}`;
    const room = (index: number): string => `room-${batch}-${index}`;
    const namespace = (index: number): string => `/tenant-${batch}${index}`;
    const before = await this.app.call<number>('connections');
    const pairs = await Promise.all(
      Array.from({ length: USERS }, (_, index) => visits.connectPair(this.urls, user(index))),
    );
    const roomers = pairs.slice(0, ROOMS);
    const tenants = pairs.slice(ROOMS, ROOMS + NAMESPACES);
    const guests = pairs.slice(-1);
    await Promise.all([
      ...roomers.map((pair, i) => visits.joinRoom(pair, room(i))),
      ...tenants.map((pair, i) => visits.enterNamespace(pair, namespace(i), user(ROOMS + i))),
      ...guests.map((pair) => visits.joinRoom(pair, SHARED.room)),
      ...roomers.map((pair, i) => visits.watchUsers(pair, user(i + 1), SHARED.userId)),
      ...guests.map((pair) => visits.enterNamespace(pair, SHARED.namespace, user(USERS - 1))),
      ...this.urls.map(visits.beTurnedAway),
      ...this.urls.map(visits.leaveAtTheDoor),
      ...this.urls.map(visits.beShownOut),
    ]);
    const own = { userId: user(ROOMS), room: room(0), namespace: namespace(0) };
    const requests = await this.askOf(own, SHARED);
    // Every second room is left explicitly, the others with their connections.
    await Promise.all(
      roomers.map(async (pair, i) => {
        if (i % 2 === 1) await visits.leaveRoom(pair, room(i));
      }),
    );
    for (const [index, pair] of pairs.entries()) visits.go(pair, index % 2 === 1);
    await this.untilConnected(before);
    return requests;
  }

  private async askOf(...everybody: Addressees[]): Promise<number> {
    let requests = 0;
    for (const whom of everybody) {
      for (const index of this.urls.keys())
        requests += await this.app.call<number>('ask', index, whom);
    }
    return requests;
  }

  private untilConnected(connections: number): Promise<void> {
    return until(
      async () => (await this.app.call('connections')) === connections,
      () => 'clients that have gone to be gone for the servers',
    );
  }
}
