package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"spike/bench"
	"spike/edge"
	problems "spike/edge/answer"
	"spike/edge/identity"
	"spike/edge/token"
	"spike/luascripts/ledger"
	"spike/nginx"
	"spike/nginx/gate"
	"spike/order"
	"spike/order/operators"
	"spike/order/operators/manager"
)

// The exit codes.
const (
	exitFailed     = 1 // the check failed
	exitUsage      = 2 // usage or configuration
	exitDependency = 3 // a server that the command needs could not be reached
)

// failure is what the command line makes of an error.
type failure struct {
	is     error  // what the error wraps
	code   int    // the exit code
	says   string // stands in the message in place of the words of is, which tell programmers and not operators what failed
	advice string // what the operator may do; "": the message says it
}

// failures are looked through in this order: the first one that an error wraps decides.
var failures = []failure{
	{is: errFailed, code: exitFailed},
	{is: errUsage, code: exitUsage},
	{is: ledger.ErrReplicas, code: exitDependency, says: "too few replicas have what was written: ",
		advice: "start the replicas that are gone, or see `spike sale reopen --help`"},
	{is: errUnreached, code: exitDependency},
	{is: ledger.ErrPassword, code: exitDependency,
		advice: "it wants a password, or another one: --redis-password-file FILE"},
	{is: ledger.ErrDown, code: exitDependency, says: "no answer: ",
		advice: "is it running there, and does --redis name it?"},
	{is: bench.ErrDependency, code: exitDependency},
	{is: edge.ErrListen, code: exitUsage, advice: "is another process there? Give another --listen"},
	{is: operators.ErrAdmin, code: exitUsage, says: "the operators' side: "},
	{is: order.ErrConfig, code: exitUsage},
	{is: edge.ErrConfig, code: exitUsage},
	{is: token.ErrKeys, code: exitUsage, says: "--token-key: "},
	{is: identity.ErrJWTKey, code: exitUsage, says: "--jwt-key: "},
	{is: nginx.ErrTopology, code: exitUsage},
	{is: gate.ErrDir, code: exitUsage, says: "gate_dir: "},
	{is: manager.ErrSocket, code: exitUsage, says: "the service manager's socket: "},
	{is: bench.ErrUsage, code: exitUsage},
	{is: ledger.ErrName, code: exitUsage, says: "a sale's name: "},
	{is: ledger.ErrNoSale, code: exitFailed, advice: "`spike sale list` names the sales"},
	{is: ledger.ErrExists, code: exitFailed, advice: "`spike sale add` adds units to it, `spike sale remove` deletes it"},
	{is: ledger.ErrClosed, code: exitFailed, advice: "it stays closed: make another sale"},
	{is: ledger.ErrOpened, code: exitFailed, advice: "only its end can still be moved"},
	{is: ledger.ErrBegun, code: exitFailed, advice: "make another sale"},
	{is: ledger.ErrChanged, code: exitFailed, advice: "nothing was done: look again, and repeat the command"},
	{is: ledger.ErrRecovering, code: exitFailed, advice: "repeat the command in a few seconds"},
	{is: ledger.ErrReassert, code: exitFailed, advice: "repeat the command in a few seconds"},
	{is: ledger.ErrIndexing, code: exitFailed, advice: "repeat the command"},
	{is: ledger.ErrBirth, code: exitFailed, advice: "it was made anew meanwhile: look again"},
	{is: ledger.ErrBadSale, code: exitFailed, advice: "set the hash right, or remove the sale"},
	{is: ledger.ErrForeign, code: exitFailed, says: "changed by hand: "},
	{is: ledger.ErrTimes, code: exitFailed},
	{is: ledger.ErrTooMany, code: exitFailed},
}

var (
	errFailed    = errors.New("failed")    // a check failed, and the command has printed what
	errUsage     = errors.New("usage")     // a flag or a setting is wrong
	errUnreached = errors.New("unreached") // a server other than Redis was not reached
)

// complaint is an error whose text is for the operator as it stands. Of its kind it has the exit code, and not the words.
type complaint struct {
	error
	kind error
}

// Is says of which kind it is.
func (c complaint) Is(kind error) bool { return c.kind == kind }

// Unwrap is the cause.
func (c complaint) Unwrap() error { return c.error }

// verdict is the error of a command that found something wrong, or nil.
func verdict(passed bool) error {
	if !passed {
		return errFailed
	}
	return nil
}

// usagef complains of a flag or a setting. The message names it.
func usagef(format string, args ...any) error {
	return complaint{fmt.Errorf(format, args...), errUsage}
}

// misuse complains of a command line that the parser does not take.
func misuse(err error) error {
	wrong, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return err
	}
	of := []string{"spike"}
	if command := wrong.Context.Selected(); command != nil {
		of = []string{command.FullPath()}
	} else if meant := namesakes(wrong.Context); len(meant) > 0 {
		of = meant
	}
	return usagef("%w; see `%s --help`", err, strings.Join(of, " --help`, `"))
}

// namesakes are the commands whose last word is the first word of the command line.
func namesakes(line *kong.Context) (all []string) {
	for _, command := range leaves(line.Model.Node) {
		if len(line.Args) > 0 && command.Name == line.Args[0] {
			all = append(all, command.FullPath())
		}
	}
	return all
}

// unreachedf complains of a server other than Redis.
func unreachedf(format string, args ...any) error {
	return complaint{fmt.Errorf(format, args...), errUnreached}
}

// failureOf is the first known failure that err wraps.
func failureOf(err error) failure {
	for _, f := range failures {
		if errors.Is(err, f.is) {
			return f
		}
	}
	return failure{code: exitFailed}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	return failureOf(err).code
}

// message is what an operator reads of an error, on one line: what failed, where, and what to do.
func message(err error) string {
	text := err.Error()
	for i, f := range failures {
		text = wordsOf[i].ReplaceAllString(text, "${1}"+f.says)
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok {
		text = strings.ReplaceAll(text, dial.Error(), reason(dial))
	}
	if u, ok := errors.AsType[*ledger.ServerError](err); ok && errors.Is(u, ledger.ErrPassword) { // its words are for clients
		text = strings.ReplaceAll(text, u.Text, u.Code())
	}
	if p, ok := errors.AsType[*problems.Problem](err); ok { // its code is for programs
		text = strings.ReplaceAll(text, p.Error(), p.Detail)
	}
	if advice := failureOf(err).advice; advice != "" {
		text += "; " + advice
	}
	return strings.ReplaceAll(text, "\n", "; ")
}

// wordsOf finds the words of each failure's error at the beginning of a part of a message.
var wordsOf = func() (all []*regexp.Regexp) {
	for _, f := range failures {
		all = append(all, regexp.MustCompile(`(^|: |\n)`+regexp.QuoteMeta(f.is.Error())+`: `))
	}
	return all
}()

// reason is why a connection failed, without the names of system calls.
func reason(dial *net.OpError) string {
	if call, ok := errors.AsType[*os.SyscallError](dial.Err); ok {
		return call.Err.Error()
	}
	return dial.Err.Error()
}

// printError prints an error, to the log of a service or on a line.
func printError(err error, service *logFlag) {
	switch {
	case errors.Is(err, errFailed):
	case service != nil && service.LogFormat == jsonLines:
		log := service.logger(os.Stderr)
		log.Error().Msg(message(err))
	default:
		fmt.Fprintln(os.Stderr, "spike:", message(err))
	}
}
