import type { Member } from "@holdfast/protocol";
import { Guests } from "./guests.ts";
import type { LobbyNews } from "./neighbours.ts";

/** Takes what is told to one node, and by which other. */
export type Courier = (from: string, news: LobbyNews) => void;

type MemberNews = Extract<LobbyNews, { is: "member" }>;

/** What is known of one channel. */
class Meeting {
  /** The nodes that listen. */
  readonly couriers = new Map<string, Courier>();
  /** By node, its members by instance. */
  readonly members = new Map<string, Map<string, MemberNews>>();

  tellOthers(from: string, news: LobbyNews): void {
    for (const [node, courier] of this.couriers) if (node !== from) courier(from, news);
  }

  get isOver(): boolean {
    return this.couriers.size === 0 && this.members.size === 0;
  }
}

/** Where nodes meet whose lobbies are to be one: passes on what each tells, and remembers who is where. */
export class LobbyExchange {
  readonly #meetings = new Map<string, Meeting>();

  /** Channels that somebody listens to, or is a member of. */
  get channels(): number {
    return this.#meetings.size;
  }

  /** Takes what a node tells, which hears of its channels by `courier`. */
  hear(node: string, news: LobbyNews, courier: Courier): void {
    const { channel } = news;
    const meeting = this.#meetings.get(channel) ?? new Meeting();
    this.#meetings.set(channel, meeting);
    switch (news.is) {
      case "open":
        meeting.couriers.set(node, courier);
        for (const [other, members] of meeting.members) {
          if (other !== node) for (const member of members.values()) courier(other, member);
        }
        break;
      case "shut":
        meeting.couriers.delete(node);
        break;
      case "member": {
        const members = meeting.members.get(node) ?? new Map<string, MemberNews>();
        members.set(news.member.instance, news);
        meeting.members.set(node, members);
        meeting.tellOthers(node, news);
        break;
      }
      case "left":
        this.#forget(meeting, node, news);
        break;
      default:
        meeting.tellOthers(node, news);
    }
    if (meeting.isOver) this.#meetings.delete(channel);
  }

  #forget(meeting: Meeting, node: string, news: Extract<LobbyNews, { is: "left" }>): void {
    const members = meeting.members.get(node);
    members?.delete(news.instance);
    if (members?.size === 0) meeting.members.delete(node);
    meeting.tellOthers(node, news);
  }

  /** Who is in a channel through other nodes than this one. */
  members(channel: string, except: string): readonly Member[] {
    const guests = new Guests();
    for (const [node, members] of this.#meetings.get(channel)?.members ?? []) {
      if (node !== except) for (const guest of members.values()) guests.set(node, guest);
    }
    return Array.from(guests.instances, (instance) => guests.of(instance)?.member as Member);
  }

  /** A node is no more. Its members stay until it is `forget`ten: they may be about to come back elsewhere. Rule PRS-1. */
  lost(node: string): void {
    for (const [channel, meeting] of this.#meetings) {
      meeting.couriers.delete(node);
      for (const news of meeting.members.get(node)?.values() ?? []) {
        const away = { ...news, isAway: true };
        meeting.members.get(node)?.set(news.member.instance, away);
        meeting.tellOthers(node, away);
      }
      if (meeting.isOver) this.#meetings.delete(channel);
    }
  }

  /** The grace of those who were here through a node that is no more is over. */
  forget(node: string): void {
    for (const [channel, meeting] of this.#meetings) {
      const members = meeting.members.get(node);
      meeting.members.delete(node);
      for (const instance of members?.keys() ?? []) {
        meeting.tellOthers(node, { is: "left", channel, instance });
      }
      if (meeting.isOver) this.#meetings.delete(channel);
    }
  }
}
