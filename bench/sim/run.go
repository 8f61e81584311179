package sim

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"spike/luascripts/ledger"
)

// Options says which worlds to run.
type Options struct {
	First   uint64
	Seeds   uint64
	Workers int
	Mutant  ledger.Mutant // the guard to leave out; only in a build with the tag mutants
	Most    int           // after so many violations no more worlds run; 0: one
	Lines   int           // of the end of a story to keep
	Tell    bool          // keep all of every story
	OnWorld func(done, all uint64)
}

// World is the result of one world.
type World struct {
	Seed      uint64
	Hash      uint64 // of the trace
	Steps     int    // of Keepers
	Scripts   int
	Sold      uint64 // units that were told
	Total     uint64
	Beside    int    // buys that went to the ledger with others
	Histories int    // how often the store came up with another history
	Wrong     string // "": no violation
	Story     string // of a world with a violation
}

// Live runs one world. It runs a world with a violation again, for its story: the second run is the same.
func Live(seed uint64, o Options) World {
	w := newWorld(seed, o.Mutant, o.Tell)
	out := w.live()
	switch {
	case o.Tell:
		out.Story = w.read(len(w.story))
	case out.Wrong != "":
		w = newWorld(seed, o.Mutant, true)
		w.live()
		out.Story = w.read(o.Lines)
	}
	return out
}

// Run runs worlds beside each other, and takes their results in the order of the seeds. Then none is alive.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := checkMutant(o.Mutant); err != nil {
		return Report{}, err
	}
	r, began := Report{World: World{Hash: fnvBasis}, Options: o}, time.Now()
	workers := max(1, o.Workers)
	var alive errgroup.Group
	alive.SetLimit(workers)
	results := make(chan chan World, 4*workers) // in the order of the seeds
	for begun := uint64(0); r.Seeds < o.Seeds && len(r.Wrong) < max(1, o.Most); {
		for ; begun < o.Seeds && len(results) < cap(results); begun++ {
			seed, result := o.First+begun, make(chan World, 1)
			results <- result
			alive.Go(func() error {
				result <- Live(seed, o)
				return nil
			})
		}
		w := <-<-results
		if ctx.Err() != nil {
			break
		}
		r.take(w)
		if o.OnWorld != nil {
			o.OnWorld(r.Seeds, o.Seeds)
		}
	}
	_ = alive.Wait()
	r.Took = time.Since(began)
	return r, ctx.Err()
}

// Report is the result of many worlds.
type Report struct {
	World   // the sums; Hash is of all traces, in the order of the seeds, or of the only world's; Story is the only world's
	Options Options
	Took    time.Duration
	Seeds   uint64
	Half    uint64 // worlds that sold at least half of their units: the others prove little
	Again   uint64 // worlds that sold some units again
	Cut     uint64 // worlds in which the store's history was cut
	Wrong   []World
}

func (r *Report) take(w World) {
	r.Seeds++
	r.Steps += w.Steps
	r.Scripts += w.Scripts
	r.Sold += w.Sold
	r.Beside += w.Beside
	if r.Hash = (r.Hash ^ w.Hash) * fnvPrime; r.Options.Seeds == 1 {
		r.Hash = w.Hash
	}
	if w.Sold >= w.Total/2 {
		r.Half++
	}
	if w.Sold > w.Total {
		r.Again++
	}
	if w.Histories > 0 {
		r.Cut++
	}
	switch {
	case w.Wrong != "":
		r.Wrong = append(r.Wrong, w)
	case r.Options.Tell:
		r.Story += w.Story
	}
}

// Print prints the results, and how to see each violation again.
func (r Report) Print(out io.Writer) {
	fmt.Fprint(out, r.Story)
	mutant := ""
	if r.Options.Mutant != "" {
		mutant = " --mutant " + string(r.Options.Mutant)
	}
	for _, w := range r.Wrong {
		fmt.Fprintf(out, "%sseed %d: %s\nagain: spike bench sim --seed %d%s\n\n", w.Story, w.Seed, w.Wrong, w.Seed, mutant)
	}
	per := func(n int) float64 { return float64(n) / r.Took.Seconds() }
	fmt.Fprintf(out, "%d worlds in %v: %.0f seeds, %.0f steps and %.0f scripts a second\n",
		r.Seeds, r.Took.Round(10*time.Millisecond), per(int(r.Seeds)), per(r.Steps), per(r.Scripts))
	fmt.Fprintf(out, "%d units sold; %d worlds sold half of theirs or more, %d some again; the store's history was cut in %d\n",
		r.Sold, r.Half, r.Again, r.Cut)
	fmt.Fprintf(out, "%d buys went to the ledger with others\n", r.Beside)
	fmt.Fprintf(out, "trace %016x, %d violations\n", r.Hash, len(r.Wrong))
}

// tell adds a line to the story. Only a world that a person will read about has lines.
func (w *world) tell(format string, args ...any) {
	if w.telling {
		w.story = append(w.story, fmt.Sprintf("%10.4f %s\n", float64(w.now-start)/1e9, say(format, args)))
	}
}

func say(format string, args []any) string {
	for i, arg := range args {
		args[i] = brief(arg)
	}
	return fmt.Sprintf(format, args...)
}

// read returns the story's first line, which tells the fates, and its end.
func (w *world) read(most int) string {
	return w.story[0] + strings.Join(w.story[max(1, len(w.story)-most):], "")
}

// brief returns a call or its answer in few words.
func brief(v any) any {
	switch v := v.(type) {
	case ledger.LeaseRequest:
		return fmt.Sprintf("lease #%d want %d recall %v", v.Request, v.Want, v.Recall)
	case ledger.RenewRequest:
		return fmt.Sprintf("renew %v awaiting #%d", v.Fences, v.Awaited)
	case ledger.SettleRequest:
		return fmt.Sprintf("settle #%d %v for %s", v.Batch, brief(v.Claims), v.Instance)
	case ledger.GiveBackRequest:
		return fmt.Sprintf("give back %v", v.Parts)
	case ledger.ReassertRequest:
		return fmt.Sprintf("re-assert in era %d %+v for %s", v.Era, v.Leases, v.Instance)
	case ledger.DeductRequest:
		return fmt.Sprintf("deduct %d nonce %d", v.N, v.Nonce)
	case []ledger.DeductRequest:
		return briefEach(v, func(q ledger.DeductRequest) any {
			return fmt.Sprintf("%v of %x for %x offer %v", brief(q), q.Key[:8], q.Buyer, brief(q.Offer))
		})
	case []ledger.Deducted:
		return briefEach(v, func(d ledger.Deducted) any { return fmt.Sprintf("%v %v", brief(d.DeductReply), d.Err) })
	case byToken:
		return fmt.Sprintf("%s %v", v.what, brief(v.claim))
	case ledger.LeaseReply:
		return fmt.Sprintf("%v granted %v under %d until %d", brief(v.Head), v.Grant.Ranges, v.Grant.Fence, v.Grant.Deadline)
	case ledger.RenewReply:
		return fmt.Sprintf("%v deadlines %v", brief(v.Head), v.Deadlines)
	case ledger.SettleReply:
		return fmt.Sprintf("%v verdicts %v", brief(v.Head), v.Verdicts)
	case ledger.GiveBackReply:
		return fmt.Sprintf("%v freed %d", brief(v.Head), v.Freed)
	case ledger.ReassertReply:
		return fmt.Sprintf("%v grants %+v", brief(v.Head), v.Grants)
	case ledger.DeductReply:
		return fmt.Sprintf("%v %d: %v", brief(v.Head), v.Answer, brief(v.Claim))
	case ledger.ReservationReply:
		return fmt.Sprintf("%v %v", brief(v.Head), v.Life)
	case ledger.ExpireReply:
		return fmt.Sprintf("%v freed %d", brief(v.Head), v.Freed)
	case ledger.Head:
		s := fmt.Sprintf("[%d era %d of %d: %d free %d leased %d limbo %d pending %d confirmed, %v",
			v.Now, v.Era, v.Total, v.Free, v.Leased, v.Limbo, v.Pending, v.Confirmed, v.State)
		if v.Recall {
			s += ", recall"
		}
		if v.Reopens > 0 {
			s += fmt.Sprintf(", grants nothing until %d", v.Reopens)
		}
		return s + "]"
	case ledger.Claim:
		return fmt.Sprintf("%d+%d under %d nonce %d until %d", v.Serial, v.Count, v.Fence, v.Nonce, v.Expiry)
	case []ledger.Claim:
		return briefEach(v, func(c ledger.Claim) any { return brief(c) })
	}
	return v
}

func briefEach[T any](list []T, one func(T) any) (all []any) {
	for _, v := range list {
		all = append(all, one(v))
	}
	return all
}

// kind is the kind of an event of the trace.
type kind uint64

// The kinds of events.
const (
	ran     kind = iota + 1 // a script
	won                     // a buyer was told
	verdict                 // an edge changed its verdict
	died                    // an edge
	began                   // an edge
	paused                  // an edge
	reigns                  // a server
	learned                 // a buyer with a token
)

const (
	fnvBasis = uint64(14695981039346656037)
	fnvPrime = uint64(1099511628211)
)

// trace folds an event into the world's hash. It is FNV-1a over words, each folded first so that high bits count.
func (w *world) trace(k kind, a, b, c, d uint64) {
	for _, word := range [...]uint64{uint64(w.now), uint64(k), a, b, c, d} {
		word ^= word >> 32
		w.Hash = (w.Hash ^ word) * fnvPrime
	}
}
