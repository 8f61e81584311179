// Package dashboard shows operators their sales: the page, the figures behind it, and the report of a sale.
//
// A Looker gathers figures from the store: the ledgers of sales, the beats of processes, who holds units, the journal. It makes
// looks of them, and each reader gets the newest look. Guarantees:
//
//   - Looking costs the store nothing while nobody reads. It goes on for ten minutes after the last reader, once a second. All
//     readers of a process share one Looker.
//   - Nothing is queued. A reader that is slow misses looks, and never gets an old one.
//   - The places of a sale in one look come from one script, so they add up to its total.
//   - A figure that is not known is null, never 0. Each figure has an age. If the store is silent, looks go on and say so: the
//     figures stay, and their ages grow.
//
// The board is what is known. It has no clock and no I/O: the Looker tells it answers and the time. The page is in web/dist, and
// is part of the binary. It holds no secret; its figures need a role (package admin).
package dashboard
