package luascripts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/redis/rueidis"
)

// passingStore begins the identity of a store that ends with its process.
const passingStore = "process-"

// Passing says that a store with this identity ends with its process: nobody can find it again.
func Passing(identity string) bool { return strings.HasPrefix(identity, passingStore) }

func freshIdentity() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Identity is Store's.
func (e *Embedded) Identity(context.Context) (string, error) { return e.id, nil }

// Identity reads the store's identity, or makes it. One that was made just now is not given out before the replicas
// have it: else a fail-over would make another store of this one.
func (r *Redis) Identity(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	set, short := r.handOut(ctx, "", func(b rueidis.Builder) rueidis.Completed {
		return b.Set().Key(IdentityKey).Value(freshIdentity()).Nx().Build()
	})
	err := set.Error()
	switch {
	case rueidis.IsRedisNil(err): // it was there
	case err != nil:
		return "", r.down(err)
	case short != nil:
		return "", short
	}
	id, err := r.client.Do(ctx, r.client.B().Get().Key(IdentityKey).Build()).ToString()
	if err == nil && id == "" {
		err = errors.New(IdentityKey + " is empty")
	}
	return id, r.down(err)
}
