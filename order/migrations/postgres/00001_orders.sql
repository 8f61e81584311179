-- +goose Up
-- One row per serial of a reservation. A serial that came back and is sold again has another fence, so another row.
CREATE TABLE orders (
    sale         text        NOT NULL,
    birth        bigint      NOT NULL, -- differs when a sale is removed and made again
    serial       bigint      NOT NULL,
    fence        bigint      NOT NULL,
    nonce        bigint      NOT NULL,
    first_serial bigint      NOT NULL,
    units        bigint      NOT NULL,
    buyer        text,                 -- hex of the buyer's hash; null: anonymous
    state        text        NOT NULL CHECK (state IN ('pending', 'confirmed', 'cancelled', 'expired')),
    expires_at   timestamptz,          -- null: the sale has no hold
    reserved_at  timestamptz,          -- null: "reserved" has not come yet
    confirmed_at timestamptz,
    released_at  timestamptz,
    PRIMARY KEY (sale, birth, serial, fence)
);

-- The outbox of webhooks.
CREATE TABLE deliveries (
    id           text        NOT NULL PRIMARY KEY,
    sale         text        NOT NULL,
    type         text        NOT NULL,
    number       bigint      NOT NULL,
    body         text        NOT NULL,
    at           timestamptz NOT NULL,
    state        text        NOT NULL CHECK (state IN ('due', 'delivered', 'parked')),
    attempts     integer     NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL, -- once delivered: when that was
    last_error   text        NOT NULL DEFAULT ''
);
CREATE INDEX deliveries_due ON deliveries (next_at, number) WHERE state = 'due';
CREATE INDEX deliveries_parked ON deliveries (next_at) WHERE state = 'parked';
CREATE INDEX deliveries_delivered ON deliveries (next_at) WHERE state = 'delivered';

-- Events that made no sense.
CREATE TABLE parked_events (
    sale      text        NOT NULL,
    id        text        NOT NULL,
    why       text        NOT NULL,
    event     text        NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sale, id)
);

-- +goose Down
DROP TABLE parked_events;
DROP TABLE deliveries;
DROP TABLE orders;
