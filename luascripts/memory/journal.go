package memory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// journal is the newest ledger.JournalMost entries, in a ring.
type journal struct {
	mu      sync.Mutex
	entries []ledger.Entry
	oldest  int // once the ring is full
	last    entryID
	once    map[string]time.Time // until when an entry with that Once is not added again
}

// entryID is as Redis counts: the clock, and a number where several entries have the same.
type entryID struct{ ms, n int64 }

func (id entryID) String() string { return fmt.Sprintf("%d-%d", id.ms, id.n) }

func (id entryID) before(other entryID) bool {
	return id.ms < other.ms || id.ms == other.ms && id.n < other.n
}

func entryIDOf(text string) (id entryID, err error) {
	if _, err = fmt.Sscanf(text, "%d-%d", &id.ms, &id.n); err != nil || id.String() != text || id.ms < 0 || id.n < 0 {
		return id, fmt.Errorf("%w: %q", ledger.ErrEntry, text)
	}
	return id, nil
}

// Note is ledger.Store's.
func (e *Store) Note(_ context.Context, entry ledger.Entry) error {
	e.journal.note(entry.Bounded(), e.clock())
	return nil
}

func (j *journal) note(e ledger.Entry, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Once != "" && !j.first(e, now) {
		return
	}
	id := entryID{ms: now.UnixMilli()}
	if !j.last.before(id) {
		id = entryID{j.last.ms, j.last.n + 1}
	}
	j.last, e.ID, e.Once, e.OnceFor = id, id.String(), "", 0
	if len(j.entries) < ledger.JournalMost {
		j.entries = append(j.entries, e)
		return
	}
	j.entries[j.oldest] = e
	j.oldest = (j.oldest + 1) % len(j.entries)
}

// first says whether the entry's Once is new, and remembers it.
func (j *journal) first(e ledger.Entry, now time.Time) bool {
	if now.Before(j.once[e.Once]) {
		return false
	}
	for once, until := range j.once {
		if !now.Before(until) {
			delete(j.once, once)
		}
	}
	j.once[e.Once] = now.Add(e.OnceFor)
	return true
}

// Entries is ledger.Store's.
func (e *Store) Entries(_ context.Context, before string, most int) ([]ledger.Entry, error) {
	end := entryID{ms: 1<<63 - 1}
	if before != "" {
		var err error
		if end, err = entryIDOf(before); err != nil {
			return nil, err
		}
	}
	return e.journal.read(end, min(most, ledger.EntriesMost)), nil
}

func (j *journal) read(end entryID, most int) (out []ledger.Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for k := len(j.entries) - 1; k >= 0 && len(out) < most; k-- {
		entry := j.entries[(j.oldest+k)%len(j.entries)]
		if id, _ := entryIDOf(entry.ID); id.before(end) {
			out = append(out, entry)
		}
	}
	return out
}
