package luascripts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// Redis is the Store that many edges share.
type Redis struct {
	client       rueidis.Client
	scripts      scripts
	functions    functions
	name         string
	timeout      time.Duration // of one call
	life         context.Context
	durability   durability
	guards       sentinels
	lines        lines
	mostReplicas *uint64 // the most replicas that there are, by the operator's word; nil: every follower that announces a port
	index        index
	beating      beating
	meter        meter
	stop         func() // ends the watch, and waits for its end
}

var _ ledger.Store = (*Redis)(nil)

// Dial connects. Its error wraps ErrDown and names the address.
func Dial(ctx context.Context, options rueidis.ClientOption, b ledger.Bounds) (*Redis, error) {
	return connect(ctx, options, b, ledger.Timeout)
}

// connect is Dial. One call takes at most timeout.
func connect(ctx context.Context, options rueidis.ClientOption, b ledger.Bounds, timeout time.Duration) (*Redis, error) {
	options.ConnWriteTimeout = timeout
	options.Dialer.Timeout = timeout // with a longer one a client hears of a new history too late
	options.Sentinel.TopologyRefreshInterval = sentinelEvery
	options.DisableCache = true
	name := fmt.Sprint(options.InitAddress)
	if len(options.InitAddress) == 1 {
		name = options.InitAddress[0]
	}
	r := &Redis{timeout: timeout, scripts: newScripts(b), name: name, guards: newSentinels(options)}
	r.lines.through(&options)
	client, err := rueidis.NewClient(options)
	if err != nil {
		return nil, r.down(err)
	}
	r.client = client
	if err := r.Ping(ctx); err != nil {
		client.Close()
		return nil, err
	}
	r.look(ctx)
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.life = life
	done := make(chan struct{})
	r.stop = func() { cancel(); <-done; r.guards.asking.Wait(); r.index.walks.end() }
	go r.watch(done)
	return r, nil
}

// Close ends all connections.
func (r *Redis) Close() {
	r.stop()
	r.client.Close()
}

// bounded is the context of one call.
func (r *Redis) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, r.timeout)
}

// Ping asks whether Redis answers. Of a Cluster one node is enough: each sale is on one node, and the other sales may sell
// well.
func (r *Redis) Ping(ctx context.Context) (err error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	if err = r.client.Do(ctx, r.client.B().Ping().Build()).Error(); err == nil {
		return nil
	}
	for _, node := range r.client.Nodes() {
		if node.Do(ctx, node.B().Ping().Build()).Error() == nil {
			return nil
		}
	}
	return r.down(err)
}

func (r *Redis) down(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := rueidis.IsRedisErr(err); ok {
		u := &ledger.ServerError{Text: r.scripts.located(e.Error())}
		r.lines.heard(u)
		err = u
	}
	return fmt.Errorf("%w: redis %s: %w", ledger.ErrDown, r.name, err)
}

func num[N int | int64 | uint32 | uint64](n N) string { return strconv.FormatInt(int64(n), 10) }

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// Lease runs lease.lua.
func (r *Redis) Lease(ctx context.Context, sale string, q ledger.LeaseRequest) (ledger.LeaseReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.lease, sale, []string{r.caller(q.Birth), q.Instance, q.Node, num(q.Request),
		num(q.Want), num(q.Term.Microseconds()), flag(q.Recall), num(max(q.Run, 1))})
	if err != nil {
		return ledger.LeaseReply{}, err
	}
	out := ledger.LeaseReply{Head: h}
	if len(rd.part(1)) > 0 {
		out.Grant = rd.grant(1)
	}
	return out, r.down(rd.err)
}

// exists refuses a sale that is not there, for the price of one plain command.
func (r *Redis) exists(ctx context.Context, sale string) error {
	if err := ledger.CheckName(sale); err != nil {
		return err
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	keys := Keys(sale)
	n, err := r.client.Do(ctx, r.client.B().Exists().Key(keys[0], keys[1]).Build()).AsInt64()
	if err == nil && n == 0 {
		return ledger.NoSale(sale)
	}
	return r.down(err)
}

// Renew runs renew.lua. A caller without a birth is looking up a name, which a stranger may have invented, so that look-up
// must be cheap.
func (r *Redis) Renew(ctx context.Context, sale string, q ledger.RenewRequest) (ledger.RenewReply, error) {
	if q.Birth == 0 {
		if err := r.exists(ctx, sale); err != nil {
			return ledger.RenewReply{}, err
		}
	}
	args := []string{r.caller(q.Birth), q.Instance, q.Node, num(q.Awaited), num(q.Term.Microseconds()), num(q.Era)}
	for _, f := range q.Fences {
		args = append(args, num(f))
	}
	h, rd, err := r.run(ctx, &r.scripts.renew, sale, args)
	if err != nil {
		return ledger.RenewReply{}, err
	}
	out := ledger.RenewReply{Head: h, Deadlines: rd.row(len(q.Fences))}
	return out, r.down(rd.err)
}

// GiveBack runs giveback.lua.
func (r *Redis) GiveBack(ctx context.Context, sale string, q ledger.GiveBackRequest) (ledger.GiveBackReply, error) {
	args := []string{r.caller(q.Birth), q.Instance}
	for _, p := range q.Parts {
		args = append(args, num(p.Fence), num(p.Start), num(p.End))
	}
	h, rd, err := r.run(ctx, &r.scripts.giveback, sale, args)
	if err != nil {
		return ledger.GiveBackReply{}, err
	}
	return ledger.GiveBackReply{Head: h, Freed: uint64(rd.int(0))}, r.down(rd.err)
}

// Settle runs settle.lua.
func (r *Redis) Settle(ctx context.Context, sale string, q ledger.SettleRequest) (ledger.SettleReply, error) {
	block := make([]byte, 0, len(q.Claims)*ledger.ClaimSize)
	for _, c := range q.Claims {
		block = c.AppendTo(block)
	}
	h, rd, err := r.run(ctx, &r.scripts.settle, sale, []string{r.caller(q.Birth), q.Instance, q.Node, num(q.Batch),
		rueidis.BinaryString(block)})
	if err != nil {
		return ledger.SettleReply{}, err
	}
	out := ledger.SettleReply{Head: h, Verdicts: make([]ledger.Verdict, len(q.Claims))} // Kept, but for those named
	for odd := rd.ints(1); len(odd) > 0; odd = odd[2:] {
		if len(odd) == 1 || odd[0] < 0 || odd[0] >= int64(len(q.Claims)) {
			rd.fail("verdicts", fmt.Errorf("%v of %d claims", odd, len(q.Claims)))
			break
		}
		out.Verdicts[odd[0]] = one(rd, odd[1], ledger.TooLate)
	}
	return out, r.down(rd.err)
}

// Show runs show.lua.
func (r *Redis) Show(ctx context.Context, sale string) (ledger.ShowReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.show, sale, []string{r.caller(0)})
	if err != nil {
		return ledger.ShowReply{}, err
	}
	return ledger.ShowReply{Head: h, Trouble: rd.text(0), Raised: uint64(rd.int(1)),
		Secret: ledger.Secret{Seal: rd.text(2), Seed: rd.text(3)}, Lineup: rd.text(4), Sells: rd.int(5)}, r.down(rd.err)
}

// Revision reads fields such that every change changes at least one of them. rev grows with each script that writes, and is
// unique within an era.
func (r *Redis) Revision(ctx context.Context, sale string) (string, error) {
	if err := ledger.CheckName(sale); err != nil {
		return "", err
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	keys := Keys(sale)
	mark := ""
	for _, result := range r.client.DoMulti(ctx, r.client.B().Hmget().Key(keys[1]).Field("birth", "era", "rev").Build(),
		r.client.B().Hmget().Key(keys[0]).Field("birth", "ticket_total_nums", "ticket_sold_nums").Build()) {
		fields, err := result.ToArray()
		if err != nil {
			return "", r.failed(err)
		}
		for _, f := range fields {
			text, err := f.ToString()
			if err != nil {
				text = "-"
			}
			mark += strconv.Quote(text) + " "
		}
	}
	return mark, nil
}

// Create runs create.lua.
func (r *Redis) Create(ctx context.Context, sale string, q ledger.CreateRequest) (ledger.Head, error) {
	if q.Total > ledger.MaxSerial {
		return ledger.Head{}, ledger.TooMany()
	}
	args := []string{r.caller(0), num(q.Total), num(q.Hold.Microseconds()), num(ledger.Micro(q.Opens)),
		num(ledger.Micro(q.Closes)), num(q.Limit)}
	if q.Shuffle > 0 {
		seed := q.DrawSeed()
		args = append(args, num(q.Shuffle.Microseconds()), seed, ledger.Seal(seed))
	}
	h, _, err := r.run(ctx, &r.scripts.create, sale, args)
	return h, err
}

// Change runs change.lua.
func (r *Redis) Change(ctx context.Context, sale string, q ledger.ChangeRequest) (ledger.Head, error) {
	if q.Add > ledger.MaxSerial {
		return ledger.Head{}, ledger.TooMany()
	}
	h, _, err := r.run(ctx, &r.scripts.change, sale, []string{r.caller(0), q.Request, num(q.Add), q.To})
	return h, err
}

// Edit runs edit.lua.
func (r *Redis) Edit(ctx context.Context, sale string, q ledger.EditRequest) (ledger.Head, error) {
	args := []string{r.caller(0), "", "", "", ""}
	for k, at := range []*time.Time{q.Opens, q.Closes} {
		if at != nil {
			args[1+k] = num(ledger.Micro(*at))
		}
	}
	if q.Hold != nil {
		args[3] = num(q.Hold.Microseconds())
	}
	if q.Limit != nil {
		args[4] = num(*q.Limit)
	}
	h, _, err := r.run(ctx, &r.scripts.edit, sale, args)
	return h, err
}

// Reopen runs reopen.lua.
func (r *Redis) Reopen(ctx context.Context, sale string, q ledger.ReopenRequest) (ledger.Head, error) {
	h, _, err := r.run(ctx, &r.scripts.reopen, sale, []string{r.caller(0), num(q.Era), q.Lineup, num(q.Least), flag(q.Grants)})
	return h, err
}

// Mend runs mend.lua.
func (r *Redis) Mend(ctx context.Context, sale string) (ledger.Head, error) {
	h, _, err := r.run(ctx, &r.scripts.mend, sale, []string{r.caller(0)})
	return h, err
}

// Remove deletes every key of the sale, and publishes its news.
func (r *Redis) Remove(ctx context.Context, sale string) error {
	if err := ledger.CheckName(sale); err != nil {
		return err
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	birth, _, _ := r.ledgerOf(ctx, sale)
	n, err := r.client.Do(ctx, r.client.B().Unlink().Key(Keys(sale)...).Build()).AsInt64()
	if err == nil && n == 0 {
		return ledger.NoSale(sale)
	}
	if err == nil { // these are hints: they may fail
		r.bury(ctx, sale, birth)
		_ = r.client.Do(ctx, r.client.B().Publish().Channel(newsChannel(sale)).Message(ledger.Closed.String()).Build()).Error()
	}
	return r.down(err)
}

// TokenKey reads the shared signing key, or makes it.
func (r *Redis) TokenKey(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("token key: %w", err)
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	set := r.client.B().Set().Key(TokenKey).Value(rueidis.BinaryString(fresh)).Nx().Build()
	if err := r.client.Do(ctx, set).Error(); err != nil && !rueidis.IsRedisNil(err) {
		return nil, r.down(err)
	}
	key, err := r.client.Do(ctx, r.client.B().Get().Key(TokenKey).Build()).AsBytes()
	if err == nil && len(key) < 32 {
		err = errors.New(TokenKey + " holds fewer than 32 bytes")
	}
	return key, r.down(err)
}
