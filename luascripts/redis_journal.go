package luascripts

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// Note is ledger.Store's. Nobody waits for replicas: nothing depends on an entry.
func (r *Redis) Note(ctx context.Context, e ledger.Entry) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	e = e.Bounded()
	if e.Once != "" {
		err := r.client.Do(ctx, r.client.B().Set().Key(notedKey(e.Once)).Value("1").Nx().Ex(e.OnceFor).Build()).Error()
		if err != nil {
			if rueidis.IsRedisNil(err) { // it was noted
				return nil
			}
			return r.down(err)
		}
	}
	add := r.client.B().Xadd().Key(JournalKey).Maxlen().Almost().Threshold(num(ledger.JournalMost)).Id("*").FieldValue().
		FieldValue("did", e.Did)
	for _, f := range [][2]string{{"sale", e.Sale}, {"who", e.Who}, {"from", e.From}, {"what", e.What}} {
		if f[1] != "" {
			add = add.FieldValue(f[0], f[1])
		}
	}
	err := r.client.Do(ctx, add.Build()).Error()
	if err != nil && e.Once != "" {
		r.forgetOnce(e.Once)
	}
	return r.down(err)
}

// forgetOnce lets the entry be noted later. The call's own time may be over.
func (r *Redis) forgetOnce(once string) {
	ctx, cancel := context.WithTimeout(r.life, time.Second)
	defer cancel()
	_ = r.client.Do(ctx, r.client.B().Del().Key(notedKey(once)).Build()).Error()
}

// entryID is an id that Redis gives to an entry.
var entryID = regexp.MustCompile(`^[0-9]{1,18}-[0-9]{1,18}$`)

// Entries is ledger.Store's.
func (r *Redis) Entries(ctx context.Context, before string, most int) ([]ledger.Entry, error) {
	end := "+"
	if before != "" {
		if !entryID.MatchString(before) {
			return nil, fmt.Errorf("%w: %q", ledger.ErrEntry, before)
		}
		end = "(" + before
	}
	if most <= 0 {
		return nil, nil
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	got, err := r.client.Do(ctx, r.client.B().Xrevrange().Key(JournalKey).End(end).Start("-").
		Count(int64(min(most, ledger.EntriesMost))).Build()).AsXRange()
	if err != nil {
		return nil, r.down(err)
	}
	entries := make([]ledger.Entry, len(got))
	for i, one := range got {
		f := one.FieldValues
		entries[i] = ledger.Entry{ID: one.ID, Did: f["did"], Sale: f["sale"], Who: f["who"], From: f["from"], What: f["what"]}
	}
	return entries, nil
}
