package price

import (
	"os"
	"strings"
	"testing"
	"time"

	"spike/nginx"
)

// There is a flag for every slot of a load, and none for a past slot.
func TestFlagsOfASlotAndTheNext(t *testing.T) {
	p := &pair{flags: t.TempDir(), sales: 3}
	now := time.Unix(1_000_008, 0)
	const long = 8 * time.Second
	for _, at := range []time.Time{now, now.Add(time.Second), now.Add(30 * time.Second)} {
		if err := p.keep(at, long-5*time.Second); err != nil {
			t.Fatal(err)
		}
		want := 0
		for slot := nginx.Slot(at); slot <= nginx.Slot(at.Add(long)); slot++ {
			for i := range p.sales {
				if _, err := os.Stat(p.flags + "/" + nginx.FlagName(flagged(i), nginx.SoldOut, slot)); err != nil {
					t.Error(err)
				}
				want++
			}
		}
		if entries, err := os.ReadDir(p.flags); err != nil || len(entries) != want {
			t.Errorf("%d flags, want %d; %v", len(entries), want, err)
		}
	}
	if flagged(2) != "sale-00002" || !strings.Contains(askAll, "sale-%%05d") {
		t.Errorf("%s: wrk asks for others", flagged(2))
	}
}

func TestReturnSaysWhatItHeard(t *testing.T) {
	conf, err := confOf("flag.conf.tmpl", map[string]string{"Listen": "127.0.0.1:8080", "Type": "application/json",
		"Body": `{"code":-1,"msg":"已售罄"}`})
	if err != nil || !strings.Contains(conf, `return 200 '{"code":-1,"msg":"已售罄"}';`) ||
		!strings.Contains(conf, "default_type 'application/json';") || !strings.Contains(conf, "listen 127.0.0.1:8080;") {
		t.Errorf("%v\n%s", err, conf)
	}
}
