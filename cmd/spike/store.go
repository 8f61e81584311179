package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/redis/rueidis"

	"spike/luascripts"
)

// storeFlag is how a command finds the common truth.
type storeFlag struct {
	Redis string `placeholder:"ADDR" help:"HOST:PORT[,HOST:PORT...] (several: Cluster), redis+sentinel://H:P[,H:P...]/MASTER, unix://PATH, redis[s]://USER:PASS@H:P/DB."`
}

// dial connects to Redis; for a tool of the operator there must be one.
func (f storeFlag) dial(ctx context.Context) (*luascripts.Redis, error) {
	if f.Redis == "" {
		return nil, fmt.Errorf("%w: --redis ADDR is missing (an edge's embedded store is seen through its admin listener)", errUsage)
	}
	options, err := redisOptions(f.Redis)
	if err != nil {
		return nil, err
	}
	return luascripts.Dial(ctx, options, luascripts.DefaultBounds())
}

// redisOptions reads an address in one of its forms.
func redisOptions(addr string) (rueidis.ClientOption, error) {
	scheme, rest, ok := strings.Cut(addr, "://")
	if !ok {
		return seeds(addr)
	}
	switch scheme {
	case "redis+sentinel":
		return sentinel(rest)
	case "redis", "rediss", "unix":
		o, err := rueidis.ParseURL(addr)
		if err != nil {
			return o, fmt.Errorf("%w: --redis: not a Redis URL", errUsage) // the error would repeat a password
		}
		return o, nil
	}
	return rueidis.ClientOption{}, fmt.Errorf("%w: --redis: unknown scheme %q", errUsage, scheme)
}

func seeds(list string) (rueidis.ClientOption, error) {
	addrs := strings.Split(list, ",")
	for _, a := range addrs {
		if _, _, err := net.SplitHostPort(a); err != nil || strings.Contains(a, "@") { // not repeated: a password may be in it
			return rueidis.ClientOption{}, fmt.Errorf("%w: --redis: not HOST:PORT[,HOST:PORT...]", errUsage)
		}
	}
	return rueidis.ClientOption{InitAddress: addrs}, nil
}

func sentinel(rest string) (rueidis.ClientOption, error) {
	u, err := url.Parse("redis://" + strings.ReplaceAll(rest, ",", "+")) // one host, as far as url is concerned
	if err != nil || strings.Trim(u.Path, "/") == "" {
		return rueidis.ClientOption{}, fmt.Errorf("%w: --redis: not redis+sentinel://[USER:PASS@]H:P[,H:P...]/MASTER", errUsage)
	}
	o, err := seeds(strings.ReplaceAll(u.Host, "+", ","))
	o.Sentinel = rueidis.SentinelOption{MasterSet: strings.Trim(u.Path, "/")}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	return o, err
}
