package luascripts

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// shortFor is how long new replicas may take to get a store's new identity.
const shortFor = 5 * time.Second

// Identity reads the store's identity, or makes it. A new identity is returned only when the replicas have it. Otherwise a
// fail-over would make another store of this one.
func (r *Redis) Identity(ctx context.Context) (string, error) {
	set, short := r.identify(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Set().Key(IdentityKey).Value(ledger.NewIdentity()).Nx().Build()
	})
	err := set.Error()
	if rueidis.IsRedisNil(err) { // the identity was there
		err, short = nil, nil
	}
	for end := time.Now().Add(shortFor); err == nil && short != nil && time.Now().Before(end); {
		set, short = r.identify(ctx, func(b rueidis.Builder) rueidis.Completed { // an empty write, for WAIT
			return b.Append().Key(IdentityKey).Value("").Build()
		})
		err = set.Error()
	}
	switch {
	case err != nil:
		return "", r.down(err)
	case short != nil:
		return "", short
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	id, err := r.client.Do(ctx, r.client.B().Get().Key(IdentityKey).Build()).ToString()
	if err == nil && id == "" {
		err = errors.New(IdentityKey + " is empty")
	}
	return id, r.down(err)
}

func (r *Redis) identify(ctx context.Context, do func(rueidis.Builder) rueidis.Completed) (rueidis.RedisResult, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	return r.handOut(ctx, "", do)
}
