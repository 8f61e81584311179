package main

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"spike/edge/secret"
	"spike/luascripts"
	"spike/luascripts/ledger"
)

// storeFlag names the Redis of a command.
type storeFlag struct {
	Redis             string  `env:"SPIKE_REDIS" placeholder:"ADDR" help:"${redis}"`
	RedisPasswordFile string  `env:"SPIKE_REDIS_PASSWORD_FILE" placeholder:"FILE" help:"${redis_password}"`
	Replicas          *uint64 `env:"SPIKE_REPLICAS" placeholder:"N" help:"${replicas}"`
}

// dial connects to Redis. An operator's tool must have one.
func (f storeFlag) dial(ctx context.Context) (*luascripts.Redis, error) {
	if f.Redis == "" {
		return nil, usagef("--redis ADDR is missing (an edge's embedded store is seen through its admin listener)")
	}
	options, err := f.options()
	if err != nil {
		return nil, err
	}
	store, err := luascripts.Dial(ctx, options, ledger.DefaultBounds())
	if err == nil && f.Replicas != nil {
		store.CountReplicas(*f.Replicas)
	}
	return store, err
}

// options reads the address and the password.
func (f storeFlag) options() (rueidis.ClientOption, error) {
	options, err := redisOptions(f.Redis)
	if err != nil || f.RedisPasswordFile == "" {
		return options, err
	}
	if options.Password != "" {
		return options, usagef("--redis has a password, and --redis-password-file too: give only one")
	}
	text, _, err := secret.Read(f.RedisPasswordFile, mostPassword)
	if err != nil {
		return options, usagef("--redis-password-file: %w", err)
	}
	if options.Password = strings.TrimRight(string(text), "\r\n"); options.Password == "" {
		return options, usagef("--redis-password-file: the file is empty")
	}
	return options, nil
}

const mostPassword = 4 << 10 // bytes

// redisOptions reads an address in one of its forms. No error repeats any part of the address: in a mistyped one, a password
// may be anywhere.
func redisOptions(addr string) (rueidis.ClientOption, error) {
	scheme, rest, ok := strings.Cut(addr, "://")
	if !ok {
		return seeds(addr)
	}
	switch scheme {
	case "redis+sentinel":
		return sentinel(rest)
	case "redis", "rediss", "unix":
		return fromURL(addr)
	}
	return rueidis.ClientOption{}, usagef("--redis: unknown scheme")
}

// redisParams are the parameters that rueidis reads. It would ignore any other.
var redisParams = []string{"db", "dial_timeout", "write_timeout", "addr", "skip_verify", "protocol", "client_cache",
	"max_retries", "client_name", "master_set"}

var errRedisURL = usagef("--redis: not redis[s]://[USER:PASS@]H:P[/DB], nor unix:///PATH " +
	"(in a password, write %%40 for @ and so on)")

var errRedisPath = usagef("--redis: after the host's slash there must be the number of a database, or nothing")

func fromURL(addr string) (rueidis.ClientOption, error) {
	u, err := url.Parse(addr)
	if err != nil || u.Fragment != "" || (u.Scheme == "unix") != (u.Host == "") || u.Scheme == "unix" && u.Path == "" {
		return rueidis.ClientOption{}, errRedisURL
	}
	params, err := url.ParseQuery(u.RawQuery)
	for name := range params {
		if !slices.Contains(redisParams, name) {
			err = errRedisURL
		}
	}
	if err != nil {
		return rueidis.ClientOption{}, errRedisURL
	}
	if u.Scheme != "unix" {
		if u.Path == "/" { // no number: database 0, as without the slash
			addr = strings.Replace(addr, u.Host+"/", u.Host, 1)
		} else if _, err = strconv.ParseUint(strings.TrimPrefix(u.Path, "/"), 10, 31); err != nil && u.Path != "" {
			return rueidis.ClientOption{}, errRedisPath
		}
	}
	o, err := rueidis.ParseURL(addr)
	if err != nil || o.SelectDB < 0 || u.Scheme != "unix" && !ports(o.InitAddress) {
		return rueidis.ClientOption{}, errRedisURL
	}
	return o, nil
}

// ports says whether each address is HOST:PORT with a number for the port. Anything else could be a password.
func ports(addrs []string) bool {
	for _, a := range addrs {
		_, port, err := net.SplitHostPort(a)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || strings.ContainsAny(a, "@/ ") {
			return false
		}
	}
	return true
}

func seeds(list string) (rueidis.ClientOption, error) {
	addrs := strings.Split(list, ",")
	if !ports(addrs) {
		return rueidis.ClientOption{}, usagef("--redis: not HOST:PORT[,HOST:PORT...]")
	}
	return rueidis.ClientOption{InitAddress: addrs}, nil
}

// sentinel reads [USER:PASS@]H:P[,H:P...]/MASTER. A URL has one host only, so the user is read from a URL with the host h.
func sentinel(rest string) (rueidis.ClientOption, error) {
	wrong := usagef("--redis: not redis+sentinel://[USER:PASS@]H:P[,H:P...]/MASTER")
	hosts, master, _ := strings.Cut(rest, "/")
	user, hosts := cutUser(hosts)
	u, err := url.Parse("redis://" + user + "h")
	if err != nil || u.Host != "h" || master == "" || strings.ContainsAny(master, "/?#") {
		return rueidis.ClientOption{}, wrong
	}
	o, err := seeds(hosts)
	if err != nil {
		return o, wrong
	}
	o.Sentinel = rueidis.SentinelOption{MasterSet: master}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	return o, nil
}

// cutUser cuts after the last @. The user and the password are before it.
func cutUser(text string) (user, hosts string) {
	i := strings.LastIndex(text, "@") + 1
	return text[:i], text[i:]
}
