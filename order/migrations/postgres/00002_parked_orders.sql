-- +goose Up
-- The identity of this database. The orders of a store belong to one database; a copy of it has the same id.
CREATE TABLE spike_book (
    id text NOT NULL PRIMARY KEY
);
INSERT INTO spike_book (id) VALUES (gen_random_uuid()::text);

-- The newest stored event, by sale. It shows what a database from a backup has lost. Workers write different slots, so that
-- none waits for another.
CREATE TABLE spike_marks (
    sale   text     NOT NULL,
    birth  bigint   NOT NULL,
    slot   smallint NOT NULL,
    number bigint   NOT NULL,
    PRIMARY KEY (sale, birth, slot)
);

-- Events of reservations that a constraint or a trigger refused. `UPDATE parked_orders SET retry = true` has them tried again.
CREATE TABLE parked_orders (
    sale      text        NOT NULL,
    birth     bigint      NOT NULL,
    serial    bigint      NOT NULL, -- the first of units
    units     bigint      NOT NULL,
    fence     bigint      NOT NULL,
    number    bigint      NOT NULL, -- of the event, within the sale
    kind      text        NOT NULL, -- reserved, confirmed, cancelled, expired
    why       text        NOT NULL,
    event     text        NOT NULL, -- JSON
    held      boolean     NOT NULL, -- the sale has a hold
    retry     boolean     NOT NULL DEFAULT false,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sale, birth, serial, fence, number)
);
CREATE INDEX parked_orders_retry ON parked_orders (sale, birth, fence) WHERE retry;

-- +goose Down
DROP TABLE parked_orders;
DROP TABLE spike_marks;
DROP TABLE spike_book;
