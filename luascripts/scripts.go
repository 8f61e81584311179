package luascripts

import (
	"embed"

	"github.com/redis/rueidis"
)

//go:embed *.lua
var sources embed.FS

// scripts are the compiled-in scripts. All but bindkey are a sale's: behind the bounds, common.lua, and what else they
// share.
type scripts struct {
	lease, renew, giveback, settle, show, create, change, audit, owned, expire *rueidis.Lua
	deduct, confirm, cancel, reservation                                       *rueidis.Lua
	trim, lag, bindkey                                                         *rueidis.Lua
}

func newScripts(b Bounds) scripts {
	sale := func(names ...string) *rueidis.Lua {
		text := b.lua() + source("common")
		for _, name := range names {
			text += source(name)
		}
		return rueidis.NewLuaScript(text)
	}
	return scripts{
		lease: sale("lease"), renew: sale("renew"), giveback: sale("giveback"), settle: sale("settle"),
		show: sale("show"), create: sale("create"), change: sale("change"), audit: sale("audit"), owned: sale("owned"),
		expire: sale("expire"), deduct: sale("owners", "deduct"), confirm: sale("owners", "confirm"),
		cancel: sale("owners", "cancel"), reservation: sale("owners", "stream", "reservation"),
		trim: sale("stream", "trim"), lag: sale("stream", "lag"), bindkey: rueidis.NewLuaScript(source("bindkey")),
	}
}

func source(name string) string {
	text, err := sources.ReadFile(name + ".lua")
	if err != nil {
		panic(err) // the build embeds them
	}
	return string(text)
}
