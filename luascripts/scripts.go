package luascripts

import (
	"crypto/sha1" // how Redis names scripts
	"embed"
	"encoding/hex"
	"slices"
)

//go:embed *.lua
var sources embed.FS

// script is one script as Redis gets it.
type script struct {
	text, sha string
	widens    bool // somebody acts on its answer: it must be on every replica first (I5)
}

// scripts are the compiled-in scripts. All but bindkey are a sale's: behind the bounds, the prelude, and what else they
// share.
type scripts struct {
	lease, renew, settle, deduct, reassert, confirm, cancel script
	create, change, reopen                                  script
	giveback, expire, trim, bindkey, enter                  script
	show, audit, owned, reservation, lag, draw              script
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
		for _, name := range append(slices.Clone(prelude), names...) {
			text += source(name)
		}
		return newScript(text, widens)
	}
	return scripts{
		lease: sale(writes, true, "lease"), renew: sale(writes, true, "renew"), settle: sale(writes, true, "settle"),
		deduct: sale(writes, true, "owners", "deduct"), reassert: sale(writes, true, "reassert"),
		confirm: sale(writes, true, "owners", "confirm"), cancel: sale(writes, true, "owners", "cancel"),
		create: sale(writes, true, "create"), change: sale(writes, true, "change"), reopen: sale(writes, false, "reopen"),
		giveback: sale(writes, false, "giveback"), expire: sale(writes, false, "expire"),
		trim: sale(writes, false, "stream", "trim"), bindkey: newScript(writes+source("bindkey"), false),
		enter: sale(writes, true, "enter"), draw: sale(reads, false, "draw"),
		show: sale(reads, false, "show"), audit: sale(reads, false, "audit"), owned: sale(reads, false, "owned"),
		reservation: sale(reads, false, "owners", "stream", "reservation"), lag: sale(reads, false, "stream", "lag"),
	}
}

func newScript(text string, widens bool) script {
	sum := sha1.Sum([]byte(text))
	return script{text: text, sha: hex.EncodeToString(sum[:]), widens: widens}
}

func source(name string) string {
	text, err := sources.ReadFile(name + ".lua")
	if err != nil {
		panic(err) // the build embeds them
	}
	return string(text)
}
