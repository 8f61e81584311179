package luascripts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"spike/luascripts/ledger"
)

// scenarioCommands are what a scenario may say: each gives its answer, and the sale as it is then.
var scenarioCommands = map[string]func(p *play, c *words) (string, ledger.Head, error){
	"server": func(p *play, c *words) (string, ledger.Head, error) {
		p.serve(c)
		return "", ledger.Head{}, nil
	},
	"wait": playWait, "create": playCreate, "fence": playFence, "claim": playClaim,
	"lease": playLease, "renew": playRenew, "giveback": playGiveBack, "settle": playSettle, "reassert": playReassert,
	"deduct": playDeduct, "collect": playCollect, "enter": playEnter, "draw": playDraw, "mine": playMine,
	"confirm": playConfirm, "cancel": playCancel, "look": playLook, "expire": playExpire, "tend": playTend,
	"release": playRelease, "prolong": playProlong, "unit": playUnit, "edit": playEdit,
	"change": playChange, "reopen": playReopen, "mend": playMend, "remove": playRemove, "buys": playBuys,
	"show": playShow, "holders": playHolders, "ledger": playLedger, "events": playEvents, "hand": playHand,
}

func playWait(p *play, c *words) (string, ledger.Head, error) {
	d, err := time.ParseDuration(c.next())
	if err != nil {
		c.fatal("a time is missing")
	}
	p.now += d.Microseconds()
	p.stage.clock(p.now)
	return "clock " + since(p.now), ledger.Head{}, nil
}

// playFence names a fence that lost history may have given: so long after the scenario's beginning.
func playFence(p *play, c *words) (string, ledger.Head, error) {
	name := c.next()
	p.nameFence(name, uint64(p.at(c, "at", "")))
	return "", ledger.Head{}, nil
}

// playClaim names a claim: NAME FENCE:SERIAL+COUNT.
func playClaim(p *play, c *words) (string, ledger.Head, error) {
	name, where := c.next(), c.next()
	fence, serials, _ := strings.Cut(where, ":")
	one := ledger.Claim{Fence: p.fenceOf(c, fence), Nonce: c.number("nonce", uint64(len(p.claims)+1)), Expiry: p.at(c, "until",
		"60s"),
		Buyer: buyerOf(c.text("of", ""))}
	if _, err := fmt.Sscanf(serials, "%d+%d", &one.Serial, &one.Count); err != nil {
		c.fatal(where)
	}
	p.claims[name] = one
	return "", ledger.Head{}, nil
}

func playCreate(p *play, c *words) (string, ledger.Head, error) {
	q := ledger.CreateRequest{Total: c.number("total", 10), Hold: c.duration("hold", "1m"), Limit: uint32(c.number("limit", 0)),
		Shuffle: c.duration("shuffle", "0s"), Seed: strings.Repeat("5e", 16)}
	for name, to := range map[string]*time.Time{"opens": &q.Opens, "closes": &q.Closes} {
		if at := p.at(c, name, "never"); at != 0 {
			*to = time.UnixMicro(at)
		}
	}
	h, err := p.stage.Create(bg, scenarioSale, q)
	return "", h, err
}

func playLease(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Lease(bg, scenarioSale, ledger.LeaseRequest{Party: p.party(c), Request: c.number("request", 1),
		Want: c.number("want", 4),
		Term: c.duration("term", "5s"), Recall: c.flag("recall"), Run: uint32(c.number("run", 1))})
	return p.tellGrant(r.Grant), r.Head, err
}

func playRenew(p *play, c *words) (string, ledger.Head, error) {
	q := ledger.RenewRequest{Party: p.party(c), Awaited: c.number("awaited", 9), Term: c.duration("term", "5s"),
		Era: c.number("era", 0)}
	names := c.rest()
	for _, name := range names {
		q.Fences = append(q.Fences, p.fenceOf(c, name))
	}
	r, err := p.stage.Renew(bg, scenarioSale, q)
	text := ""
	for k, at := range r.Deadlines {
		text += fmt.Sprintf("%s until %s\n", names[k], orNever(at))
	}
	return strings.TrimSuffix(text, "\n"), r.Head, err
}

func playGiveBack(p *play, c *words) (string, ledger.Head, error) {
	q := ledger.GiveBackRequest{Party: p.party(c)}
	for _, one := range c.rest() {
		fence, ranges, _ := strings.Cut(one, ":")
		for _, r := range c.rangesOf(ranges) {
			q.Parts = append(q.Parts, ledger.Part{Fence: p.fenceOf(c, fence), Range: r})
		}
	}
	r, err := p.stage.GiveBack(bg, scenarioSale, q)
	return fmt.Sprint("freed ", r.Freed), r.Head, err
}

func playSettle(p *play, c *words) (string, ledger.Head, error) {
	q := ledger.SettleRequest{Party: p.party(c), Batch: c.number("batch", 1)}
	names := c.rest()
	for _, name := range names {
		q.Claims = append(q.Claims, p.claimOf(c, name))
	}
	r, err := p.stage.Settle(bg, scenarioSale, q)
	text := ""
	for k, v := range r.Verdicts {
		text += names[k] + " " + [...]string{"kept", "resolved", "too late"}[v] + "\n"
	}
	return strings.TrimSuffix(text, "\n"), r.Head, err
}

func playReassert(p *play, c *words) (string, ledger.Head, error) {
	q := ledger.ReassertRequest{Party: p.party(c), Era: c.number("era", p.node.Era), Term: c.duration("term", "5s"),
		Was:         c.number("was", 0),
		LastApplied: c.number("acted", 0)}
	if told := p.at(c, "told", "never"); told != 0 {
		q.Told = told
	}
	deadline := p.at(c, "deadline", "5s")
	for k, one := range c.rest() {
		fence, ranges, _ := strings.Cut(one, ":")
		q.Leases = append(q.Leases, ledger.Held{Fence: p.fenceOf(c, fence), Request: uint64(k + 1), Deadline: deadline,
			Ranges: c.rangesOf(ranges)})
	}
	r, err := p.stage.Reassert(bg, scenarioSale, q)
	text := ""
	for _, g := range r.Grants {
		text += p.tellGrant(g) + "\n"
	}
	if r.Grants == nil && len(q.Leases) > 0 {
		text = "it is another era"
	}
	return strings.TrimSuffix(text, "\n"), r.Head, err
}

func playDeduct(p *play, c *words) (string, ledger.Head, error) {
	q := ledger.DeductRequest{N: uint32(c.number("n", 1)), Nonce: c.number("nonce", 1), Buyer: buyerOf(c.text("of", "")),
		Key: keyOf(c.text("key", ""))}
	q.Birth = p.birth(c)
	if latest := p.at(c, "latest", "never"); latest != 0 {
		q.Latest = latest
	}
	if offer := c.text("offer", ""); offer != "" {
		q.Offer = p.claimOf(c, offer)
	}
	if c.flag("once") {
		return "", ledger.Head{}, p.stage.once(q)
	}
	return p.deduct(c, q)
}

// playCollect asks for what a buyer has drawn.
func playCollect(p *play, c *words) (string, ledger.Head, error) {
	return p.deduct(c, ledger.DeductRequest{N: 1, ByLot: true, Buyer: buyerOf(c.next()), Ever: c.flag("ever"),
		Nonce: c.number("nonce", 1),
		Key:   keyOf(c.text("key", ""))})
}

// deduct keeps the claim that it came to, under the name that the command gives it.
func (p *play) deduct(c *words, q ledger.DeductRequest) (string, ledger.Head, error) {
	name := c.text("as", "")
	r, err := p.stage.Deduct(bg, scenarioSale, q)
	if name != "" && err == nil {
		p.claims[name] = r.Claim
	}
	return p.tellDeduct(r), r.Head, err
}

func (p *play) tellDeduct(r ledger.DeductReply) string {
	text := [...]string{"none had", "had", "over the limit", "key used for another number"}[r.Answer]
	if r.Claim.Count > 0 {
		text += " " + p.tellClaim(r.Claim) + ", by the clock " + orNever(r.Until)
	}
	return text
}

// playBuys is several buys in one call: n, n:buyer, n:buyer:key or n:buyer:key:offer.
func playBuys(p *play, c *words) (string, ledger.Head, error) {
	birth, lot, nonce := p.birth(c), c.flag("lot"), c.number("nonce", 1)
	var qs []ledger.DeductRequest
	for _, word := range c.rest() {
		part := append(strings.Split(word, ":"), "", "", "")
		q := ledger.DeductRequest{Party: ledger.Party{Birth: birth}, N: uint32(c.numberOf(part[0])), Nonce: nonce + uint64(len(qs)),
			Buyer: buyerOf(part[1]), Key: keyOf(part[2]), ByLot: lot}
		if part[3] != "" {
			q.Offer = p.claimOf(c, part[3])
		}
		qs = append(qs, q)
	}
	out, err := p.stage.DeductEach(bg, scenarioSale, qs)
	text, head := "", ledger.Head{}
	for _, r := range out {
		if r.Err != nil {
			text += tellError(r.Err) + "\n"
			continue
		}
		text, head = text+p.tellDeduct(r.DeductReply)+"\n", r.Head
	}
	return strings.TrimSuffix(text, "\n"), head, err
}

func buyersOf(names []string) (all []ledger.Buyer) {
	for _, name := range names {
		all = append(all, buyerOf(name))
	}
	return all
}

func playEnter(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.EnterDraw(bg, scenarioSale, ledger.EnterRequest{Birth: p.birth(c), Buyers: buyersOf(c.rest())})
	return map[bool]string{true: "entered", false: "not entered"}[r.Entered], r.Head, err
}

func playDraw(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Draw(bg, scenarioSale, int(c.number("from", 0)), int(c.number("most", 99)))
	text := fmt.Sprintf("seal %.8s seed %.8q", r.Secret.Seal, r.Secret.Seed)
	for _, b := range r.Buyers {
		text += " " + strings.TrimRight(string(b[:]), "\x00")
	}
	return text, r.Head, err
}

func playConfirm(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Confirm(bg, scenarioSale, p.birth(c), p.claimOf(c, c.next()))
	return r.Life.String(), r.Head, err
}

func playCancel(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Cancel(bg, scenarioSale, p.birth(c), p.claimOf(c, c.next()))
	return r.Life.String(), r.Head, err
}

func playRelease(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Release(bg, scenarioSale, p.birth(c), p.claimOf(c, c.next()))
	return r.Life.String(), r.Head, err
}

func playProlong(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Prolong(bg, scenarioSale, p.birth(c), p.claimOf(c, c.next()), c.duration("by", "10s"))
	return r.Life.String() + ", by the clock " + orNever(r.Until), r.Head, err
}

// playUnit asks who has a serial: `unit 7`, or what became of a claim that had it: `unit 7 of=a`.
func playUnit(p *play, c *words) (string, ledger.Head, error) {
	birth, serial, id := p.birth(c), uint32(c.numberOf(c.next())), ledger.Claim{}
	if of := c.text("of", ""); of != "" {
		claim := p.claimOf(c, of)
		id.Fence, id.Nonce = claim.Fence, claim.Nonce
	}
	r, err := p.stage.Unit(bg, scenarioSale, birth, serial, id)
	if r.Claim.Count == 0 {
		return "nobody's", r.Head, err
	}
	return p.tellClaim(r.Claim), r.Head, err
}

func playEdit(p *play, c *words) (string, ledger.Head, error) {
	var q ledger.EditRequest
	for name, to := range map[string]**time.Time{"opens": &q.Opens, "closes": &q.Closes} {
		if at := p.at(c, name, "never"); at != 0 {
			moment := time.UnixMicro(at)
			*to = &moment
		}
	}
	if hold := c.duration("hold", "-1s"); hold >= 0 {
		q.Hold = &hold
	}
	if limit := uint32(c.number("limit", ledger.MaxSerial)); limit != ledger.MaxSerial {
		q.Limit = &limit
	}
	h, err := p.stage.Edit(bg, scenarioSale, q)
	return "", h, err
}

func playLook(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Reservation(bg, scenarioSale, p.birth(c), p.claimOf(c, c.next()))
	text := r.Life.String() + ", by the clock " + orNever(r.Until)
	if r.Stored {
		text += ", stored"
	}
	return text, r.Head, err
}

// playMine asks for a buyer's own reservations. Nobody is an anonymous buyer.
func playMine(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Mine(bg, scenarioSale, p.birth(c), buyerOf(c.text("of", "")))
	text := make([]string, 0, len(r.Claims))
	for _, one := range r.Claims {
		text = append(text, p.tellClaim(one)+", by the clock "+orNever(r.HoldEnds(one.Expiry)))
	}
	if len(text) == 0 {
		text = []string{"none"}
	}
	return strings.Join(text, "\n"), r.Head, err
}

func playExpire(p *play, c *words) (string, ledger.Head, error) {
	r, err := p.stage.Expire(bg, scenarioSale, int(c.number("most", 64)))
	return fmt.Sprint("freed ", r.Freed), r.Head, err
}

// playTend names the answer before, if it says how long ago that was.
func playTend(p *play, c *words) (string, ledger.Head, error) {
	q := ledger.TendRequest{Birth: p.birth(c), Most: int(c.number("most", 64))}
	if ago := c.duration("ago", "0s"); ago > 0 {
		q.Witness = p.head.Seen(ago)
		q.Rev -= c.number("older", 0)
	}
	r, err := p.stage.Tend(bg, scenarioSale, q)
	return fmt.Sprintf("freed %d, next %s", r.Freed, orNever(r.Next)), r.Head, err
}

func playChange(p *play, c *words) (string, ledger.Head, error) {
	h, err := p.stage.Change(bg, scenarioSale, ledger.ChangeRequest{Request: c.text("request", "a"), Add: c.number("add", 0),
		To: c.text("to", "")})
	return "", h, err
}

func playReopen(p *play, c *words) (string, ledger.Head, error) {
	q := ledger.ReopenRequest{Era: c.number("era", 0), Least: c.number("least", 0), Grants: c.flag("grants"),
		Lineup: c.text("lineup", "")}
	if q.Lineup == "here" {
		q.Lineup = p.node.Lineup
	}
	h, err := p.stage.Reopen(bg, scenarioSale, q)
	return "", h, err
}

func playMend(p *play, _ *words) (string, ledger.Head, error) {
	h, err := p.stage.Mend(bg, scenarioSale)
	return "", h, err
}

func playRemove(p *play, _ *words) (string, ledger.Head, error) {
	return "", ledger.Head{}, p.stage.Remove(bg, scenarioSale)
}

func playShow(p *play, _ *words) (string, ledger.Head, error) {
	r, err := p.stage.Show(bg, scenarioSale)
	var told []string
	for what, is := range map[string]bool{r.Trouble: r.Trouble != "", fmt.Sprint("raised ", r.Raised): r.Raised > 0,
		"lineup " + r.Lineup:                     r.Lineup != "",
		"edges may sell until " + since(r.Sells): r.Sells > 0} {
		if is {
			told = append(told, what)
		}
	}
	if told == nil {
		told = []string{"nothing is wrong"}
	}
	return strings.Join(slices.Sorted(slices.Values(told)), "\n"), r.Head, err
}

// playHolders tells who has units: a line for an instance, and one for each of its leases.
func playHolders(p *play, _ *words) (string, ledger.Head, error) {
	r, err := p.stage.Holders(bg, scenarioSale)
	text := []string{fmt.Sprintf("left out %d", r.Left)}
	for _, h := range r.Instances {
		text = append(text, fmt.Sprintf("%s on %s, asked %s", h.Instance, h.Node, orNever(h.Seen)))
		for _, l := range h.Leases {
			where := map[bool]string{true: "limbo", false: "leased"}[l.Limbo]
			text = append(text, fmt.Sprintf("  %s %d %s until %s", p.fence(l.Fence), l.Units, where, since(l.Deadline)))
		}
	}
	return strings.Join(text, "\n"), r.Head, err
}

// playLedger tells where every unit lies.
func playLedger(p *play, _ *words) (string, ledger.Head, error) {
	a, err := p.stage.Audit(bg, scenarioSale)
	text := fmt.Sprintf("%d = %d free + %d leased + %d limbo + %d pending + %d confirmed",
		a.Total, a.Free, a.Leased, a.Limbo, a.Pending, a.Confirmed)
	for _, v := range a.Violations {
		text += "\nwrong: " + v
	}
	if err != nil {
		return "", ledger.Head{}, err
	}
	return text, ledger.Head{}, nil
}

// playEvents reads what is new in the sale's stream; `stored` acknowledges it.
func playEvents(p *play, c *words) (string, ledger.Head, error) {
	g := ledger.Group{Name: ledger.OrdersGroup, Consumer: "scenario"}
	events, err := p.stage.ReadEvents(bg, scenarioSale, g, 100)
	store := c.flag("stored")
	text := make([]string, 0, len(events))
	for _, e := range events {
		text = append(text, p.tellEvent(e))
		if store && err == nil {
			err = p.stage.AckEvents(bg, scenarioSale, g, []string{e.ID})
		}
	}
	return strings.Join(text, "\n"), ledger.Head{}, err
}

// playHand is a hand on the keys: a command of Redis' own.
func playHand(p *play, c *words) (string, ledger.Head, error) {
	p.stage.hand(c.rest())
	return "", ledger.Head{}, nil
}
