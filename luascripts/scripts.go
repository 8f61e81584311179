package luascripts

import (
	"embed"

	"github.com/redis/rueidis"
)

//go:embed *.lua
var sources embed.FS

// scripts are the compiled-in scripts, each behind the bounds and common.lua.
type scripts struct {
	lease, renew, giveback, settle, deduct, show, create, change, audit, owned *rueidis.Lua
}

func newScripts(b Bounds) scripts {
	common := b.lua() + source("common")
	script := func(name string) *rueidis.Lua { return rueidis.NewLuaScript(common + source(name)) }
	return scripts{
		lease: script("lease"), renew: script("renew"), giveback: script("giveback"), settle: script("settle"),
		deduct: script("deduct"), show: script("show"), create: script("create"), change: script("change"),
		audit: script("audit"), owned: script("owned"),
	}
}

func source(name string) string {
	text, err := sources.ReadFile(name + ".lua")
	if err != nil {
		panic(err) // the build embeds them
	}
	return string(text)
}
