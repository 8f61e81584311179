package luascripts

import (
	"crypto/sha1" // as of scripts
	"encoding/hex"
	"slices"
	"strings"

	"spike/luascripts/ledger"
)

// library is all scripts as one library of Redis' functions. Redis makes the functions and tables of a script anew for every
// call; those of a library are made once, by its first call: while a library is loaded, it has none of Lua's own functions.
// The name has a hash of the text: libraries of two versions live beside each other, and a process that finds a library under
// its name has found this text.
type library struct {
	name, text string
	files      []placed
}

// libraryPrefix begins the name of every version's library.
const libraryPrefix = "spike_"

func newLibrary(scripts []string, b ledger.Bounds) library {
	sum := sha1.Sum([]byte(libraryOf(libraryPrefix, scripts, b).text))
	return libraryOf(libraryPrefix+hex.EncodeToString(sum[:8]), scripts, b)
}

// libraryOf is the library under a name.
func libraryOf(name string, scripts []string, b ledger.Bounds) library {
	var needs []string
	for _, one := range scripts {
		needs = append(needs, headOf(source("script", one)).needs...)
	}
	l := library{name: name}
	var a assembly
	a.add("#!lua name=" + name + "\n")
	a.add("local made\nlocal function make()\n")
	a.addLibs(needs, b)
	a.add("local all = {}\n")
	for _, one := range scripts {
		a.add("function all." + one + "(KEYS, ARGV)\n")
		a.addScript(one)
		a.add("end\n")
	}
	a.add("return all\nend\n")
	for _, one := range scripts {
		flags := ""
		if slices.Contains(headOf(source("script", one)).flags, "no-writes") {
			flags = "'no-writes'"
		}
		a.add("redis.register_function{function_name = '" + l.function(one) + "', flags = {" + flags + "},\n" +
			"  callback = function(keys, argv) made = made or make() return made." + one + "(keys, argv) end}\n")
	}
	l.text, l.files = a.text.String(), a.files
	return l
}

// function is the name of a script's function. Redis has one name space for the functions of all libraries.
func (l library) function(script string) string { return l.name + "_" + script }

// has says whether an error names a function of this library.
func (l library) has(text string) bool { return strings.Contains(text, "script: "+l.name+"_") }
