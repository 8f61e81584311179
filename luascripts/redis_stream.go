package luascripts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// A sale's stream of events.

// silentFor is how long a consumer that holds nothing is remembered.
const silentFor = time.Hour

func ordersKey(sale string) string { return Keys(sale)[8] }

// ReadEvents is XREADGROUP. The first reader makes the group.
func (r *Redis) ReadEvents(ctx context.Context, sale string, g ledger.Group, count int) ([]ledger.Event, error) {
	events, err := r.readGroup(ctx, sale, g, count)
	if isError(err, "NOGROUP") {
		if err = r.makeGroup(ctx, sale, g); err != nil {
			return nil, err
		}
		events, err = r.readGroup(ctx, sale, g, count)
	}
	if isError(err, "NOGROUP") { // nothing was ever sold
		return nil, nil
	}
	return events, r.down(err)
}

func (r *Redis) readGroup(ctx context.Context, sale string, g ledger.Group, count int) ([]ledger.Event, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	key := ordersKey(sale)
	result, err := r.handOut(ctx, sale, func(b rueidis.Builder) rueidis.Completed {
		return b.Xreadgroup().Group(g.Name, g.Consumer).Count(int64(count)).Streams().Key(key).Id(">").Build()
	})
	if err != nil {
		return nil, err
	}
	streams, err := result.AsXRead()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return eventsOf(streams[key]), nil
}

// makeGroup makes no stream, so that a removed sale leaves nothing behind.
func (r *Redis) makeGroup(ctx context.Context, sale string, g ledger.Group) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	err := r.client.Do(ctx, r.client.B().XgroupCreate().Key(ordersKey(sale)).Group(g.Name).Id("0").Build()).Error()
	if e, ok := rueidis.IsRedisErr(err); ok && (e.IsBusyGroup() || strings.Contains(e.Error(), "requires the key to exist")) {
		return nil
	}
	return r.down(err)
}

// TakeOver is XAUTOCLAIM.
func (r *Redis) TakeOver(ctx context.Context, sale string, g ledger.Group, idle time.Duration,
	count int) ([]ledger.Event, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	result, err := r.handOut(ctx, sale, func(b rueidis.Builder) rueidis.Completed {
		return b.Xautoclaim().Key(ordersKey(sale)).Group(g.Name).Consumer(g.Consumer).MinIdleTime(num(idle.Milliseconds())).
			Start("0-0").Count(int64(count)).Build()
	})
	if err != nil {
		return nil, err
	}
	parts, err := result.ToArray()
	if isError(err, "NOGROUP") {
		return nil, nil
	}
	if err != nil {
		return nil, r.down(err)
	}
	if len(parts) < 2 {
		return nil, r.down(fmt.Errorf("%w: XAUTOCLAIM: %d parts", errReply, len(parts)))
	}
	entries, err := parts[1].AsXRange()
	if err != nil {
		return nil, r.down(err)
	}
	return eventsOf(entries), nil
}

// AckEvents is XACK.
func (r *Redis) AckEvents(ctx context.Context, sale string, g ledger.Group, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	return r.down(r.client.Do(ctx, r.client.B().Xack().Key(ordersKey(sale)).Group(g.Name).Id(ids...).Build()).Error())
}

// trimMost is the most runs of trim.lua in one call.
const trimMost = 100

// TrimEvents runs trim.lua until it drops nothing more, or trimMost times; the rest is for the next call.
func (r *Redis) TrimEvents(ctx context.Context, sale string) error {
	for range trimMost {
		_, rd, err := r.run(ctx, &r.scripts.trim, sale, []string{r.caller(0), num(silentFor.Milliseconds())})
		if err != nil {
			return err
		}
		if dropped := rd.int(0); dropped == 0 || rd.err != nil {
			return r.down(rd.err)
		}
	}
	return nil
}

// EventLag runs lag.lua.
func (r *Redis) EventLag(ctx context.Context, sale string, g ledger.Group) (ledger.Lag, error) {
	h, rd, err := r.run(ctx, &r.scripts.lag, sale, []string{r.caller(0), g.Name})
	if err != nil {
		return ledger.Lag{}, err
	}
	n := rd.row(4)
	lag := ledger.Lag{Unread: uint64(n[0]), Pending: uint64(n[1])}
	if n[2] > 0 {
		lag.Oldest = time.Duration(max(h.Raw-n[2], 0)) * time.Microsecond
	}
	return lag, r.down(rd.err)
}

// eventsOf reads entries. An entry that no script wrote becomes an event whose kind says what is wrong with it.
func eventsOf(entries []rueidis.XRangeEntry) []ledger.Event {
	events := make([]ledger.Event, len(entries))
	for i, e := range entries {
		event, err := eventOf(e)
		if err != nil {
			event.Kind = ledger.EventKind("unreadable: " + err.Error())
		}
		events[i] = event
	}
	return events
}

func eventOf(e rueidis.XRangeEntry) (ledger.Event, error) {
	f := e.FieldValues
	number, err1 := strconv.ParseUint(f["n"], 10, 64)
	birth, err2 := strconv.ParseUint(f["s"], 10, 64)
	at, err3 := strconv.ParseInt(f["at"], 10, 64)
	raw, err4 := strconv.ParseInt(f["raw"], 10, 64)
	claims, err5 := ledger.ParseClaims([]byte(f["b"]))
	if err5 != nil {
		err5 = fmt.Errorf("%w: %w", errReply, err5)
	}
	kind := ledger.EventKind(f["t"])
	if !kind.Known() {
		err1 = errors.Join(err1, fmt.Errorf("kind %q", kind))
	}
	return ledger.Event{ID: e.ID, Number: number, Kind: kind, Birth: birth, At: at, Raw: raw, Claims: claims},
		errors.Join(err1, err2, err3, err4, err5)
}
