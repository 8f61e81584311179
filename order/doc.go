// Package order is what happens after a sale: the events of a sale's stream become rows in SQL and webhooks, and holds that
// are over put their units back on sale.
//
// life.go is the specification: the life of a reservation as a pure state machine, with no clock and no I/O. The ledger and its
// twin are held to it (TestLifeAndLedgerAgree, and the tests that hold those two to each other), and from it comes Merge, by
// which events become the state of a row. What runs:
//
//	stream -> consumer (one a sale) -> one SQL transaction: rows, deliveries, parked events -> acknowledge -> trim
//	holds  -> sweeper (one a sale) -> Store.Tend
//	marks of all sales, once a second -> those consumers and sweepers of whose sales there is news (news.go)
//	deliveries -> sender -> the endpoint
//
// What is guaranteed: every event of the stream is stored at least once, and storing it again changes nothing, so a serial
// of a reservation has exactly one row, whatever died. An event is acknowledged, and so forgotten by the
// stream, only after the commit is on the disk. The deaths this is for:
//
//   - Killed between commit and acknowledgement, or the acknowledgement or the commit's answer is lost: the event comes
//     again, to this worker or to another, and meets its own row, which stays as it is (Row.Merge, and the same in SQL).
//   - Two workers have the same event, after a take-over from one that was only slow: as above. Rows are written in the order
//     of their keys, so the two cannot wait for each other in a circle.
//   - Another worker stores "cancelled" before this one has stored "reserved": the row is made by the first and completed
//     by the second; a final state wins over pending, whatever came first. What comes out does not depend on the order:
//     Row.Merge says why.
//   - SQL is away: what was read stays in hand and is tried again, in order, by who has it; the stream keeps the rest. Expiry
//     does not know SQL and goes on, for a sale that is removed and made again meanwhile, too. Redis is away: the same, the
//     other way round.
//   - A sale is removed and made again under its name while a batch is in hand: the batch is stored under its own birth, its
//     acknowledgement finds nothing, and the new sale's stream is read only then.
//   - An event that makes no sense is parked: it goes to the table parked_events in the batch's own transaction, is named in
//     the log and counted, and acknowledged. Left unacknowledged it would stop the trimming of the stream for good, and
//     come back every few seconds.
//   - The database refuses a row, by a constraint or a trigger of its operator's. The batch is halved until the order is found;
//     it goes to the table parked_orders, and so do later events of its reservation: none overtakes it. All others are stored.
//     An operator has them tried again, in their order.
//   - The database crashes, or another server takes its place: every transaction's commit is on the disk, whatever the
//     database's own default, and an error that a session may be to blame for ends all sessions; the next are opened at a
//     server that takes writes. Nothing is set on a session, and no statement has a name, for sessions may be a pooler's.
//   - Another worker has another database, or a copy of this one: the store's orders belong to one (binding.go), and it ends.
//   - The database comes from a time before it stored what it has acknowledged: that is named by the events' numbers (past.go).
//
// What is not: events that nobody has stored are gone with their stream when a sale is removed.
//
// Webhooks are an outbox: a message is written with the rows it tells of, in one transaction, under an id that follows from
// what it says; so it is sent at least once, always under that id, and an endpoint that knows ids hears it once. Messages
// may come in any order, as the convention has it; each carries the time of what it tells.
package order
