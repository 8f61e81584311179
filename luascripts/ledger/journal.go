package ledger

import "context"

// Journal is what operators did and what happened to the parts, newest last. It is for people: it keeps the newest JournalMost
// entries, and nothing depends on it.
type Journal interface {
	// Note adds an entry. If e.Once is not "", the store adds it only if it has had no entry with that Once for a day.
	Note(ctx context.Context, e Entry) error
	// Entries are up to most entries older than the one with that id, newest first; "": the newest.
	Entries(ctx context.Context, before string, most int) ([]Entry, error)
}

// JournalMost is about how many entries the journal keeps.
const JournalMost = 10_000

// Entry is one line of the journal.
type Entry struct {
	ID   string `json:"id,omitempty"`   // given by the store; it begins with the store's clock, Unix milliseconds
	Did  string `json:"did"`            // what happened, one word of those below
	Sale string `json:"sale,omitempty"` // "": it is about no sale
	Who  string `json:"who,omitempty"`  // an operator's name where known, or a process' node
	From string `json:"from,omitempty"` // api, cli, page, or the kind of a process
	What string `json:"what,omitempty"` // the details, for people
	Once string `json:"-"`
}

// What an entry tells. Of operators: created, added, paused, resumed, closed, reopened, removed, edited, mended, released. Of
// processes: started, stopped, silent (its beats ended), era (the store's history was cut), trouble, well (trouble is over).
