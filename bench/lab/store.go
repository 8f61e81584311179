package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"

	"github.com/redis/rueidis"

	"spike/bench/rig"
	"spike/luascripts"
	"spike/luascripts/ledger"
)

// startStore starts a Redis. The first is the primary, and the others follow it.
func (l *lab) startStore(ctx context.Context, h host) error {
	o := rig.RedisOptions{Name: h.name, Dir: l.dir, Addr: h.redisAddr(), Place: h.Place, Args: []string{"--protected-mode", "no"}}
	if h.n > 1 {
		o.Of = &rig.Redis{Addr: l.redis()}
	}
	r, err := rig.NewRedis(o)
	if err != nil {
		return err
	}
	return r.Start(ctx)
}

// openStore connects the lab itself to the primary, from the primary's own namespace, after every replica follows it. A ledger
// that met its replicas later would refuse its first call.
func (l *lab) openStore(ctx context.Context) (err error) {
	from := l.stores[0].Place
	options := rueidis.ClientOption{InitAddress: []string{l.redis()}, DisableCache: true,
		DialCtxFn: func(ctx context.Context, addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return from.Dial(ctx, "tcp", addr)
		}}
	if l.client, err = rueidis.NewClient(options); err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrDown, err)
	}
	if err = l.replicated(ctx); err != nil {
		return err
	}
	l.store, err = luascripts.Dial(ctx, options, ledger.DefaultBounds())
	return err
}

// replicated waits until every replica has what the primary has.
func (l *lab) replicated(ctx context.Context) error {
	c := l.client
	return eventually(ctx, upLimit, "every replica follows", func() bool {
		write := c.B().Set().Key("lab").Value("1").Build() // WAIT says nothing without a write before it
		said := c.DoMulti(ctx, write, c.B().Wait().Numreplicas(int64(l.Replicas)).Timeout(100).Build())
		n, err := said[1].AsInt64()
		return err == nil && n >= int64(l.Replicas)
	})
}

// reopen is the operator's command.
func (l *lab) reopen(ctx context.Context, sale string) error {
	_, err := l.stores[0].Run(ctx, "", l.o.Binary, "sale", "reopen", sale, "--yes", "--redis", l.redis())
	return err
}

// room is the folder of a machine.
func (l *lab) room(h host) (string, error) {
	dir := filepath.Join(l.dir, h.name)
	if err := mkdir(dir); err != nil {
		return "", fmt.Errorf("%s: %w", h.name, err)
	}
	return dir, nil
}
