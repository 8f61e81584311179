// Package order does the work after a sale. The events of a sale's stream become rows in SQL and webhooks, and holds that are
// over put their units back on sale.
//
// life.go is the specification: the life of a reservation as a pure state machine, with no clock and no I/O. Tests hold the
// ledger and its twin to it (TestLifeAndLedgerAgree, and the tests that compare those two). Merge comes from it, and turns
// events into the state of a row. What runs:
//
//	stream -> consumer (one a sale) -> one SQL transaction: rows, deliveries, parked events -> acknowledge -> trim
//	holds  -> sweeper (one a sale) -> Store.Tend
//	marks of all sales, once a second -> the consumers and sweepers of sales with news (news.go)
//	deliveries -> sender -> the endpoint
//
// The guarantee: every event of the stream is stored at least once, and storing it again changes nothing. So a serial of a
// reservation has exactly one row, whatever died. An event is acknowledged only after its commit is on the disk; the stream
// forgets only acknowledged events. The guarantee holds in these cases:
//
//   - A worker is killed between commit and acknowledgement, or the answer of either is lost. The event comes again, to this
//     worker or to another, and meets its own row. The row stays as it is (Row.Merge, and the same in SQL).
//   - Two workers have the same event, after a take-over from a worker that was only slow. The result is the same. Rows are
//     written in the order of their keys, so the two workers cannot wait for each other in a circle.
//   - Another worker stores "cancelled" before this worker stores "reserved". The first makes the row, and the second completes
//     it. A final state wins over pending, whatever came first. The result does not depend on the order: Row.Merge says why.
//   - SQL is away. The worker keeps the events in hand and tries them again, in order; the stream keeps the rest. Holds still
//     end, because the sweeper does not use SQL. They end too for a sale that was removed and made again meanwhile.
//   - Redis is away. The worker tries again in the same way.
//   - A sale is removed and made again under its name while a batch is in hand. The batch is stored under its own birth, and its
//     acknowledgement finds nothing. The new sale's stream is read only after that.
//   - An event makes no sense. It is parked: the batch's own transaction writes it to the table parked_events, the log names it,
//     a metric counts it, and it is acknowledged. Without the acknowledgement it would stop the trimming of the stream for good,
//     and come back every few seconds.
//   - The database refuses a row, by a constraint or a trigger of its operator's. The batch is halved until the order is found.
//     The order goes to the table parked_orders, and so do later events of its reservation: none overtakes it. All other orders
//     are stored. An operator may have parked orders tried again, in their order.
//   - The database crashes, or another server takes its place. Every commit is on the disk, whatever the database's own default.
//     An error that a session may have caused ends all sessions, and the next sessions go to a server that takes writes. Nothing
//     is set on a session, and no statement has a name, because sessions may be a pooler's.
//   - Another worker has another database, or a copy of this one. The store's orders belong to one database (binding.go), and the
//     other worker ends.
//   - The database comes from a time before it stored events that it has acknowledged. The log names the missing events by their
//     numbers (past.go).
//
// The exception: when a sale is removed, events that no worker has stored are gone with its stream.
//
// Webhooks are an outbox. A message is written in the transaction of its rows, under an id that follows from its content. So a
// message is sent at least once, always under that id, and an endpoint that remembers ids takes it once. Messages may come in any
// order, as the convention allows; each carries the time of its event.
package order
