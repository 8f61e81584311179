-- +goose Up
-- One row per serial of a reservation. A serial that came back and is sold again has another fence, so another row. Times
-- are RFC 3339 with microseconds, UTC: they sort as text.
CREATE TABLE orders (
    sale         text        NOT NULL,
    birth        integer     NOT NULL, -- differs when a sale is removed and made again
    serial       integer     NOT NULL,
    fence        integer     NOT NULL,
    nonce        integer     NOT NULL,
    first_serial integer     NOT NULL,
    units        integer     NOT NULL,
    buyer        text,                 -- hex of the buyer's hash; null: anonymous
    state        text        NOT NULL CHECK (state IN ('pending', 'confirmed', 'cancelled', 'expired')),
    expires_at   text,                 -- null: the sale has no hold
    reserved_at  text,                 -- null: "reserved" has not come yet
    confirmed_at text,       
    released_at  text,
    PRIMARY KEY (sale, birth, serial, fence)
) WITHOUT ROWID;

-- The outbox of webhooks.
CREATE TABLE deliveries (
    id           text        NOT NULL PRIMARY KEY,
    sale         text        NOT NULL,
    type         text        NOT NULL,
    number       integer     NOT NULL,
    body         text        NOT NULL,
    at           text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('due', 'delivered', 'parked')),
    attempts     integer     NOT NULL DEFAULT 0,
    next_at      text        NOT NULL, -- once delivered: when that was
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
    parked_at text        NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (sale, id)
);

-- +goose Down
DROP TABLE parked_events;
DROP TABLE deliveries;
DROP TABLE orders;
