package luascripts

import (
	"crypto/sha1" // how Redis names scripts
	"embed"
	"encoding/hex"
	"slices"
	"strings"
)

//go:embed *.lua
var sources embed.FS

// script is one script as Redis gets it.
type script struct {
	text, sha string
	widens    bool // somebody acts on its answer: it must be on every replica first (I5)
	peeks     bool // it writes nothing: the birth it tells of may not be in the ledger
}

// scripts are the compiled-in scripts. All but bindkey are a sale's: behind the bounds, the prelude, and what else they
// share.
type scripts struct {
	lease, renew, settle, deduct, reassert, confirm, cancel script
	create, change, reopen, mend                            script
	giveback, expire, tend, trim, bindkey, bindgroup, enter script
	show, audit, reservation, lag, draw                     script
}

// named is every script by its file's name.
func (s *scripts) named() map[string]*script {
	return map[string]*script{
		"lease": &s.lease, "renew": &s.renew, "settle": &s.settle, "deduct": &s.deduct, "reassert": &s.reassert, "confirm": &s.confirm,
		"cancel": &s.cancel, "create": &s.create, "change": &s.change, "reopen": &s.reopen, "mend": &s.mend, "giveback": &s.giveback,
		"expire": &s.expire, "tend": &s.tend, "trim": &s.trim, "bindkey": &s.bindkey, "bindgroup": &s.bindgroup, "enter": &s.enter,
		"show": &s.show, "audit": &s.audit, "reservation": &s.reservation, "lag": &s.lag, "draw": &s.draw,
	}
}

// The first line of a script makes Redis refuse it as a whole, before it begins, where its writes would be refused: out of
// memory, on a replica, without the replicas or the disk it must have. Reading goes on.
const (
	writes = "#!lua\n"
	reads  = "#!lua flags=no-writes\n"
)

// prelude is in front of every script of a sale.
var prelude = []string{"common", "era", "lots", "open", "promises", "leases", "sweep"}

func newScripts(b Bounds) scripts {
	sale := func(first string, widens bool, names ...string) script {
		text := first + b.lua()
		shared, own := names[:len(names)-1], names[len(names)-1]
		for _, name := range append(slices.Clone(prelude), shared...) {
			text += source(name)
		}
		return newScript(text+"local function main()\n"+source(own)+"end\nreturn main()\n", widens) // Lua allows a function 200 locals
	}
	return scripts{
		lease: sale(writes, true, "lease"), renew: sale(writes, true, "renew"), settle: sale(writes, true, "settle"),
		deduct: sale(writes, true, "owners", "deduct"), reassert: sale(writes, true, "reassert"),
		confirm: sale(writes, true, "owners", "confirm"), cancel: sale(writes, true, "owners", "cancel"),
		create: sale(writes, true, "create"), change: sale(writes, true, "change"), reopen: sale(writes, false, "reopen"),
		mend:     sale(writes, false, "mend"),
		giveback: sale(writes, false, "giveback"), expire: sale(writes, false, "expire"), tend: sale(writes, false, "tend"),
		trim: sale(writes, false, "stream", "trim"), bindkey: newScript(writes+source("bindkey"), false),
		bindgroup: newScript(writes+source("bindgroup"), false),
		enter:     sale(writes, true, "enter"), draw: sale(reads, false, "draw"),
		show: sale(reads, false, "show"), audit: sale(reads, false, "audit"),
		reservation: sale(reads, false, "owners", "stream", "reservation"), lag: sale(reads, false, "stream", "lag"),
	}
}

func newScript(text string, widens bool) script {
	sum := sha1.Sum([]byte(text))
	return script{text: text, sha: hex.EncodeToString(sum[:]), widens: widens, peeks: strings.HasPrefix(text, reads)}
}

func source(name string) string {
	text, err := sources.ReadFile(name + ".lua")
	if err != nil {
		panic(err) // the build embeds them
	}
	return string(text)
}
