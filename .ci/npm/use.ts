// What a front end in TypeScript does with the types that openapi-typescript makes of edge/openapi.yaml. It is compiled, and never
// run: a union that cannot be told apart, or a field that became required, is an error here.
import type { components, webhooks } from "./api.gen.js";

type Schemas = components["schemas"];

export const smallest: Schemas["NewSale"] = { sale: "concert", total: 10 };

export function tokenOf(bought: Schemas["Bought"]): string | undefined {
  switch (bought.code) {
    case 1:
      return bought.data.token;
    case -4:
      return bought.data?.token;
    default:
      return undefined;
  }
}

export function opensAt(bought: Schemas["Bought"]): string | undefined {
  return bought.code === -2 ? bought.data.opens_at : undefined;
}

export function isOver(shown: Schemas["ReservationOrLot"]): boolean {
  return shown.state === "expired" || shown.state === "cancelled" || shown.state === "lost";
}

type Message = { [K in keyof webhooks]: webhooks[K] extends { post: { requestBody: { content: { "application/json": infer B } } } } ? B : never }[keyof webhooks];

export function isRefund(message: Message): boolean {
  return message.type === "released" && message.data.reason === "refunded";
}
