import { until } from '../../support/until.js';
import type { Addressees } from '../app/questions.js';
import type { TestProcess } from './test-process.js';
import * as visits from './visits.js';

/** How many users come at once; so many of them each make a room, or a namespace, that nobody else is in. */
const USERS = 125;
const ROOMS = 25;
const NAMESPACES = 5;

/** Where the residents are, and some of those who come and go as well. */
const SHARED: Addressees = { userId: 'resident', room: 'lounge', namespace: '/tenant-0' };

/** Clients of an app of two instances. What is asked of them they never answer. */
export class Load {
  private batches = 0;
  private residents: visits.Pair = [];

  constructor(
    private readonly app: TestProcess,
    private readonly urls: readonly string[],
  ) {}

  /** How much has come and gone. */
  get total() {
    const { batches } = this;
    return {
      sockets: batches * USERS * this.urls.length,
      rooms: batches * ROOMS,
      namespaces: batches * NAMESPACES,
    };
  }

  /** Those who stay until {@link moveOut}. */
  async moveIn(): Promise<void> {
    this.residents = await visits.connectPair(this.urls, SHARED.userId);
    await visits.joinRoom(this.residents, SHARED.room);
    await visits.enterNamespace(this.residents, SHARED.namespace, SHARED.userId);
  }

  async moveOut(): Promise<void> {
    for (const client of this.residents) client.cut();
    await this.untilConnected(0);
  }

  /** A batch of users comes, is asked everything, and goes. Returns how many requests between instances that made. */
  async comeAndGo(): Promise<number> {
    const batch = String(++this.batches);
    const before = await this.app.call<number>('connections');
    const userIds = Array.from({ length: USERS }, (_, index) => `user-${batch}-${index}`);
    const users = await Promise.all(
      userIds.map(async (id) => ({ id, pair: await visits.connectPair(this.urls, id) })),
    );
    const roomers = users.slice(0, ROOMS).map((each, i) => ({ ...each, room: `room-${batch}-${i}` }));
    const tenants = users
      .slice(ROOMS, ROOMS + NAMESPACES)
      .map((each, i) => ({ ...each, namespace: `/tenant-${batch}${i}` }));
    await Promise.all([
      ...roomers.map(({ pair, room }) => visits.joinRoom(pair, room)),
      ...tenants.map(({ pair, namespace, id }) => visits.enterNamespace(pair, namespace, id)),
      ...users.slice(-1).map(({ pair }) => visits.joinRoom(pair, SHARED.room)),
      ...users.slice(-1).map(({ pair, id }) => visits.enterNamespace(pair, SHARED.namespace, id)),
      ...this.urls.map(visits.beTurnedAway),
      ...this.urls.map(visits.leaveAtTheDoor),
      ...this.urls.map(visits.beShownOut),
    ]);
    const [{ room = '' } = {}] = roomers;
    const [{ id: userId = '', namespace = '' } = {}] = tenants;
    const requests = await this.askOf({ userId, room, namespace }, SHARED);
    // Half of the rooms are left by word.
    await Promise.all(roomers.map(({ pair, room: own }, i) => i % 2 && visits.leaveRoom(pair, own)));
    for (const [index, client] of users.flatMap(({ pair }) => pair).entries()) {
      if (index % 4 < 2) client.leave('/');
      client.cut();
    }
    await this.untilConnected(before);
    return requests;
  }

  private async askOf(...everybody: Addressees[]): Promise<number> {
    let requests = 0;
    for (const whom of everybody) {
      for (const index of this.urls.keys()) requests += await this.app.call<number>('ask', index, whom);
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
