package luascripts

import (
	"crypto/sha1" // how Redis names scripts
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"spike/luascripts/ledger"
)

// The scripts are in lua/script, the code that they share is in lua/lib. The head of each file says what it needs.
//
//go:embed lua
var sources embed.FS

// script is one script as Redis gets it: as a function of the library, or as a text of its own.
type script struct {
	name      string // its file's
	function  string // its name in the library
	text, sha string
	widens    bool // its answer is acted on, so every replica must have it first (I5)
	peeks     bool // it writes nothing, so the birth in its reply may not be in the ledger
	files     []placed
}

// scripts are the compiled-in scripts. All but bindgroup are a sale's: the bounds and what they need are in front
// of them.
type scripts struct {
	lease, renew, settle, deduct, collect, reassert, confirm, cancel script
	create, change, reopen, mend                                     script
	giveback, expire, tend, trim, bindgroup, enter, mine             script
	show, audit, reservation, lag, draw, answers, holders            script
	unit, release, prolong, edit                                     script
	library                                                          library
}

// named is every script by its file's name.
func (s *scripts) named() map[string]*script {
	return map[string]*script{
		"lease": &s.lease, "renew": &s.renew, "settle": &s.settle, "deduct": &s.deduct, "collect": &s.collect,
		"reassert": &s.reassert, "confirm": &s.confirm, "mine": &s.mine,
		"cancel": &s.cancel, "create": &s.create, "change": &s.change, "reopen": &s.reopen, "mend": &s.mend, "giveback": &s.giveback,
		"expire": &s.expire, "tend": &s.tend, "trim": &s.trim, "bindgroup": &s.bindgroup, "enter": &s.enter,
		"show": &s.show, "audit": &s.audit, "reservation": &s.reservation, "lag": &s.lag, "draw": &s.draw, "answers": &s.answers,
		"holders": &s.holders, "unit": &s.unit, "release": &s.release, "prolong": &s.prolong, "edit": &s.edit,
	}
}

func newScripts(b ledger.Bounds) (s scripts) {
	s.library = newLibrary(slices.Sorted(maps.Keys(s.named())), b)
	for name, to := range s.named() {
		*to = assemble(name, b)
		to.name, to.function = name, s.library.function(name)
	}
	return s
}

// luaHead is what Go reads of a file's head. A script has all three lines, a lib has `needs`; `-` stands for none.
type luaHead struct {
	needs []string // libs that come before it, each with what it needs
	rows  []string // rows of a unit's life that the script carries out
	flags []string // no-writes is Redis'; widens: see script
}

// headOf reads the lines `-- needs: ...`, `-- row: ...` and `-- flags: ...`.
func headOf(text string) (h luaHead) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "--") {
			break
		}
		name, value, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "--")), ": ")
		words := slices.DeleteFunc(strings.Fields(value), func(w string) bool { return w == "-" })
		switch name {
		case "needs":
			h.needs = words
		case "row":
			h.rows = words
		case "flags":
			h.flags = words
		}
	}
	return h
}

// assemble puts a script behind what it needs. Because of its first line (in a library: its flags), Redis refuses the whole
// script if it would refuse the script's writes: out of memory, on a replica, without the replicas or the disk that it must
// have. Scripts that only read still run.
func assemble(name string, b ledger.Bounds) script {
	head := headOf(source("script", name))
	var a assembly
	peeks := slices.Contains(head.flags, "no-writes")
	if peeks {
		a.add("#!lua flags=no-writes\n")
	} else {
		a.add("#!lua\n")
	}
	if len(head.needs) > 0 {
		a.addLibs(head.needs, b)
	}
	a.addScript(name)
	return script{widens: slices.Contains(head.flags, "widens"), peeks: peeks, files: a.files}.of(a.text.String())
}

// of is the script with this text.
func (s script) of(text string) script {
	sum := sha1.Sum([]byte(text))
	s.text, s.sha = text, hex.EncodeToString(sum[:])
	return s
}

// addLibs adds the bounds, the base, and these libs with all that they need.
func (a *assembly) addLibs(needs []string, b ledger.Bounds) {
	a.add(lua(b))
	a.addFile("lib", "base")
	for _, lib := range libsFor(needs) {
		a.add("local " + table(lib) + " = (function()\n")
		a.addFile("lib", lib)
		a.add("end)()\n")
	}
}

// addScript adds a script behind what it needs. A sale's script begins its run.
func (a *assembly) addScript(name string) {
	if len(headOf(source("script", name)).needs) > 0 {
		a.add("begin_run(KEYS)\n")
	}
	a.addFile("script", name)
}

// libsFor is these libs, each once and behind all that it needs.
func libsFor(needs []string) (libs []string) {
	var add func(lib string, above []string)
	add = func(lib string, above []string) {
		if slices.Contains(above, lib) {
			panic(fmt.Sprintf("lua/lib: %v need each other", append(above, lib)))
		}
		if slices.Contains(libs, lib) {
			return
		}
		for _, other := range headOf(source("lib", lib)).needs {
			add(other, append(slices.Clone(above), lib))
		}
		libs = append(libs, lib)
	}
	for _, lib := range needs {
		add(lib, nil)
	}
	return libs
}

// table is the name of a lib's table: lease.lua returns Lease.
func table(lib string) string { return strings.ToUpper(lib[:1]) + lib[1:] }

func source(kind, name string) string {
	text, err := sources.ReadFile("lua/" + kind + "/" + name + ".lua")
	if err != nil {
		panic(err) // the build embeds them
	}
	return string(text)
}
