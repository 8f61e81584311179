package luascripts

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// How a server gets the scripts. It runs them as functions of a library, which it keeps: in its files, and on its replicas. A
// server that refuses functions (an ACL, a managed service, a full memory) gets each script by its hash, or by its text.

const (
	refusedAgain  = 30 * time.Second // until functions are tried again
	librariesMost = 8                // of all versions
)

// call is one call of a script.
type call struct {
	script     *script
	keys, args []string
	wait       uint64 // for so many replicas
}

// way makes the command of a call with the client's builder.
type way func(rueidis.Builder) rueidis.Completed

func (c call) asFunction(b rueidis.Builder) rueidis.Completed {
	return b.Fcall().Function(c.script.function).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
}

func (c call) bySHA(b rueidis.Builder) rueidis.Completed {
	return b.Evalsha().Sha1(c.script.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
}

func (c call) byText(b rueidis.Builder) rueidis.Completed {
	return b.Eval().Script(c.script.text).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
}

// functions is whether the servers have refused functions, as far as is known.
type functions struct {
	refused atomic.Int64 // when they did, Unix nanoseconds
}

func (f *functions) usable() bool { return time.Since(time.Unix(0, f.refused.Load())) > refusedAgain }

// first is the way that is tried first.
func (f *functions) first(c call) way {
	if f.usable() {
		return c.asFunction
	}
	return c.bySHA
}

// execOn runs a script on a connection of its own. It loads the library on the server that has the keys, which in a Cluster is
// the server of this connection.
func (r *Redis) execOn(ctx context.Context, c rueidis.DedicatedClient, call call) (result rueidis.RedisResult, have uint64) {
	send := func(by way) bool {
		if call.wait == 0 {
			result = c.Do(ctx, by(c.B()))
		} else {
			var results []rueidis.RedisResult
			results, have = r.behind(ctx, c, call.wait, by(c.B()))
			result = results[0]
		}
		return !unknown(result)
	}
	if r.functions.usable() {
		if send(call.asFunction) || isError(result.Error(), noFunction) && r.load(ctx, c) && send(call.asFunction) {
			return result, have
		}
		r.functions.refused.Store(time.Now().UnixNano())
	}
	if !send(call.bySHA) {
		send(call.byText)
	}
	return result, have
}

// load loads the library. It says whether the server has the library now.
func (r *Redis) load(ctx context.Context, c rueidis.DedicatedClient) bool {
	err := c.Do(ctx, c.B().FunctionLoad().FunctionCode(r.scripts.library.text).Build()).Error()
	if err == nil {
		r.thin(ctx, c)
	}
	return err == nil || strings.HasSuffix(err.Error(), "already exists")
}

// thin deletes a library of another version if there are many. Nobody knows which are still used, so it takes any. A
// process that uses the deleted library loads it again, and deletes another. So in the end a library goes that no process uses.
func (r *Redis) thin(ctx context.Context, c rueidis.DedicatedClient) {
	list, _ := c.Do(ctx, c.B().FunctionList().Libraryname(libraryPrefix+"*").Build()).ToArray()
	var others []string
	for _, one := range list {
		if fields, err := one.AsMap(); err == nil {
			name := fields["library_name"]
			if text, _ := name.ToString(); text != r.scripts.library.name {
				others = append(others, text)
			}
		}
	}
	if len(others) >= librariesMost {
		_ = c.Do(ctx, c.B().FunctionDelete().LibraryName(others[rand.IntN(len(others))]).Build()).Error()
	}
}

const noFunction = "Function not found" // without its code ERR, as rueidis gives it

// unknown says that the server has not run a script, because it does not know the script, or not this way to run it. The error of
// a script itself names the script.
func unknown(result rueidis.RedisResult) bool {
	err := result.Error()
	e, ok := rueidis.IsRedisErr(err)
	if !ok || strings.Contains(e.Error(), "script: ") {
		return false
	}
	return e.IsNoScript() || isError(err, noFunction) || isError(err, "unknown command") ||
		isError(err, "unsupported command") || isError(err, "NOPERM")
}
