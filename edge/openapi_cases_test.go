package edge

import (
	"slices"
	"strings"

	"spike/edge/listener"
	"spike/edge/token"
)

var (
	asAnn  = map[string]string{"X-Buyer-Id": "ann"}
	asBob  = map[string]string{"X-Buyer-Id": "bob"}
	keyed  = map[string]string{"X-Buyer-Id": "ann", "Idempotency-Key": "first"}
	badJWT = map[string]string{"Authorization": "Bearer x.y.z"}
)

func apiCases() []apiCase {
	var cases []apiCase
	for _, op := range []string{"buyByGet", "buyByPost"} {
		cases = append(cases, articleCases(op)...)
	}
	return slices.Concat(cases, reserveCases, mineCases, reservationCases, stockCases, probeCases, saleCases)
}

func articleCases(op string) []apiCase {
	return []apiCase{
		{op: op, uri: "/buy/ticket", status: 200, code: "1"},
		{op: op, uri: "/buy/ticket?n=3", status: 200, code: "1", header: asAnn},
		{op: op, uri: "/buy/ticket", status: 200, code: "1", header: map[string]string{"Authorization": "Bearer {jwt}"}},
		{op: op, uri: "/buy/one-" + op, status: 200, code: "1"}, // no hold, no expires_at
		{op: op, uri: "/buy/one-" + op, status: 200, code: "-1"},
		{op: op, uri: "/buy/held", status: 200, code: "-1"},
		{op: op, uri: "/buy/paused", status: 200, code: "-9"},
		{op: op, uri: "/buy/soon", status: 200, code: "-2"},
		{op: op, uri: "/buy/closed", status: 200, code: "-3"},
		{op: op, uri: "/buy/entering", status: 200, code: "-6", header: asAnn},
		{op: op, uri: "/buy/entering", status: 401, code: "no_buyer"},
		{op: op, uri: "/buy/entering?n=2", status: 400, code: "bad_n", header: asAnn},
		{op: op, uri: "/buy/limited", status: 200, code: "-4", header: asAnn},
		{op: op, uri: "/buy/limited", status: 200, code: "-4", header: asBob},
		{op: op, uri: "/buy/limited?n=2", status: 200, code: "-8", header: asAnn},
		{op: op, uri: "/buy/ticket", status: 503, code: "-5", down: true},
		{op: op, uri: "/buy/ticket?n=0", status: 400, code: "bad_n", bad: true},
		{op: op, uri: "/buy/ticket?n=101", status: 400, code: "bad_n", bad: true},
		{op: op, uri: "/buy/ticket?n=x", status: 400, code: "bad_n", bad: true},
		{op: op, uri: "/buy/ticket", status: 400, code: "bad_key", header: map[string]string{"Idempotency-Key": "short"}},
		{op: op, uri: "/buy/ticket", status: 400, code: "bad_key", bad: true,
			header: map[string]string{"X-Buyer-Id": "ann", "Idempotency-Key": strings.Repeat("x", 256)}},
		{op: op, uri: "/buy/ticket", status: 400, code: "bad_buyer", bad: true,
			header: map[string]string{"X-Buyer-Id": strings.Repeat("x", 257)}},
		{op: op, uri: "/buy/limited", status: 401, code: "no_buyer"},
		{op: op, uri: "/buy/ticket", status: 401, code: "bad_token", header: badJWT},
		{op: op, uri: "/buy/none", status: 404, code: "no_such_sale"},
		{op: op, uri: "/buy/odd", status: 409, code: "sale_refused"},
		{op: op, uri: "/buy/ticket", status: 200, code: "1", header: keyed},
		{op: op, uri: "/buy/ticket?n=2", status: 422, code: "key_used", header: keyed},
		{op: op, uri: "/buy/other", status: 200, code: "1", header: keyed}, // in another sale it is another key
	}
}

var reserveCases = []apiCase{
	{op: "reserve", uri: "/v1/sales/ticket/reservations", status: 201},
	{op: "reserve", uri: "/v1/sales/ticket/reservations?n=2", status: 201, header: asAnn},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", body: `{"n":3}`, status: 201},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", body: `{}`, status: 201},
	{op: "reserve", uri: "/v1/sales/one-reserve/reservations", status: 201},
	{op: "reserve", uri: "/v1/sales/entering/reservations", status: 202, header: asBob},
	{op: "reserve", uri: "/v1/sales/one-reserve/reservations", status: 410, code: "sold_out", soon: true},
	{op: "reserve", uri: "/v1/sales/closed/reservations", status: 410, code: "closed"},
	{op: "reserve", uri: "/v1/sales/held/reservations", status: 409, code: "none_now"},
	{op: "reserve", uri: "/v1/sales/paused/reservations", status: 409, code: "paused"},
	{op: "reserve", uri: "/v1/sales/odd/reservations", status: 409, code: "sale_refused"},
	{op: "reserve", uri: "/v1/sales/soon/reservations", status: 425, code: "not_open"},
	{op: "reserve", uri: "/v1/sales/limited/reservations", status: 429, code: "over_limit", header: asAnn},
	{op: "reserve", uri: "/v1/sales/limited/reservations", status: 429, code: "over_limit", header: asBob},
	{op: "reserve", uri: "/v1/sales/limited/reservations?n=2", status: 422, code: "n_over_limit", header: asAnn},
	{op: "reserve", uri: "/v1/sales/limited/reservations", status: 401, code: "no_buyer"},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", status: 401, code: "bad_token", header: badJWT},
	{op: "reserve", uri: "/v1/sales/ticket/reservations?n=0", status: 400, code: "bad_n", bad: true},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", body: `{"n":101}`, status: 400, code: "bad_n", bad: true},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", body: `{"m":1}`, status: 400, code: "bad_request", bad: true},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", body: `{"n":"1"}`, status: 400, code: "bad_request", bad: true},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", status: 400, code: "bad_key",
		header: map[string]string{"Idempotency-Key": "short"}},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", status: 400, code: "bad_buyer", bad: true,
		header: map[string]string{"X-Buyer-Id": strings.Repeat("x", 257)}},
	{op: "reserve", uri: "/v1/sales/none/reservations", status: 404, code: "no_such_sale"},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", status: 201,
		header: map[string]string{"Idempotency-Key": strings.Repeat("r", 22)}},
	{op: "reserve", uri: "/v1/sales/ticket/reservations?n=2", status: 422, code: "key_used",
		header: map[string]string{"Idempotency-Key": strings.Repeat("r", 22)}},
	{op: "reserve", uri: "/v1/sales/other/reservations", status: 201, header: keyed},
	{op: "reserve", uri: "/v1/sales/ticket/reservations", status: 503, code: "undecided", down: true},
}

var mineCases = []apiCase{
	{op: "showMine", uri: "/v1/sales/limited/reservations/mine", status: 200, header: asAnn},
	{op: "showMine", uri: "/v1/sales/limited/reservations/mine", status: 200, header: asBob}, // bob's is confirmed
	{op: "showMine", uri: "/v1/sales/limited/reservations/mine", status: 200,
		header: map[string]string{"Authorization": "Bearer {jwt}"}},
	{op: "showMine", uri: "/v1/sales/limited/reservations/mine", status: 401, code: "no_buyer"},
	{op: "showMine", uri: "/v1/sales/limited/reservations/mine", status: 401, code: "bad_token", header: badJWT},
	{op: "showMine", uri: "/v1/sales/limited/reservations/mine", status: 400, code: "bad_buyer", bad: true,
		header: map[string]string{"X-Buyer-Id": strings.Repeat("x", 257)}},
	{op: "showMine", uri: "/v1/sales/limited/reservations/mine", status: 400, code: "bad_key",
		header: map[string]string{"Idempotency-Key": "short"}},
	{op: "showMine", uri: "/v1/sales/none/reservations/mine", status: 404, code: "no_such_sale", header: asAnn},
	{op: "showMine", uri: "/v1/sales/ticket/reservations/mine", status: 409, code: "not_listed", header: asAnn},
	{op: "showMine", uri: "/v1/sales/odd/reservations/mine", status: 409, code: "sale_refused", header: asAnn},
	{op: "showMine", uri: "/v1/sales/limited/reservations/mine", status: 503, code: "undecided", header: asAnn, down: true},
}

var reservationCases = []apiCase{
	{op: "showReservation", uri: "/v1/reservations/{pending}", status: 200},
	{op: "showReservation", uri: "/v1/reservations/{several}", status: 200},
	{op: "showReservation", uri: "/v1/reservations/{confirmed}", status: 200},
	{op: "showReservation", uri: "/v1/reservations/{cancelled}", status: 200},
	{op: "showReservation", uri: "/v1/reservations/{expired}", status: 200},
	{op: "showReservation", uri: "/v1/reservations/{waiting}", status: 202},
	{op: "showReservation", uri: "/v1/reservations/{annslot}", status: 200},
	{op: "showReservation", uri: "/v1/reservations/{bobslot}", status: 200},
	{op: "showReservation", uri: "/v1/reservations/{waiting}", status: 503, code: "undecided", down: true},
	{op: "showReservation", uri: "/v1/reservations/" + strings.Repeat("x", token.TicketLen), status: 404,
		code: "no_such_reservation"},
	{op: "cancelReservation", uri: "/v1/reservations/{waiting}/cancel", status: 404, code: "no_such_reservation"},
	{op: "showReservation", uri: "/v1/reservations/none", status: 404, code: "no_such_reservation"},
	{op: "showReservation", uri: "/v1/reservations/{pending}", status: 503, code: "undecided", down: true},
	{op: "cancelReservation", uri: "/v1/reservations/{tobecancelled}/cancel", status: 200},
	{op: "cancelReservation", uri: "/v1/reservations/{tobecancelled}/cancel", status: 200},
	{op: "cancelReservation", uri: "/v1/reservations/{confirmed}/cancel", status: 409, code: "already_confirmed"},
	{op: "cancelReservation", uri: "/v1/reservations/{expired}/cancel", status: 409, code: "already_expired"},
	{op: "cancelReservation", uri: "/v1/reservations/none/cancel", status: 404, code: "no_such_reservation"},
	{op: "cancelReservation", uri: "/v1/reservations/{pending}/cancel", status: 503, code: "undecided", down: true},
	{op: "confirmReservation", uri: "/api/v1/reservations/{tobeconfirmed}/confirm", status: 200},
	{op: "confirmReservation", uri: "/api/v1/reservations/{tobeconfirmed}/confirm", status: 200},
	{op: "confirmReservation", uri: "/api/v1/reservations/{cancelled}/confirm", status: 409, code: "already_cancelled"},
	{op: "confirmReservation", uri: "/api/v1/reservations/{expired}/confirm", status: 409, code: "already_expired"},
	{op: "confirmReservation", uri: "/api/v1/reservations/none/confirm", status: 404, code: "no_such_reservation"},
	{op: "confirmReservation", uri: "/api/v1/reservations/{pending}/confirm", status: 503, code: "undecided", down: true},
}

var stockCases = []apiCase{
	{op: "showStock", uri: "/v1/sales/ticket", status: 200},
	{op: "showStock", uri: "/v1/sales/limited", status: 200},
	{op: "showStock", uri: "/v1/sales/soon", status: 200},
	{op: "showStock", uri: "/v1/sales/entering", status: 200},
	{op: "showStock", uri: "/v1/sales/drawn", status: 200},
	{op: "showStock", uri: "/v1/sales/paused", status: 200},
	{op: "showStock", uri: "/v1/sales/closed", status: 200},
	{op: "showStock", uri: "/v1/sales/one-reserve", status: 200},
	{op: "showStock", uri: "/v1/sales/none", status: 404, code: "no_such_sale"},
	{op: "showStock", uri: "/v1/sales/odd", status: 409, code: "sale_refused"},
	{op: "showStock", uri: "/v1/sales/ticket", status: 503, code: "undecided", down: true},
}

var probeCases = []apiCase{
	{op: "document", uri: "/openapi.yaml", status: 200},
	{op: "document", uri: "/openapi.yaml", status: 304, header: map[string]string{"If-None-Match": "{etag}"}},
	{op: "document", uri: "/openapi.yaml", status: 304, header: map[string]string{"If-None-Match": `"x", W/{etag}`}},
	{op: "document", uri: "/openapi.yaml", status: 200, header: map[string]string{"If-None-Match": `"x"`}},
	{op: "health", uri: "/healthz", status: 200},
	{op: "ready", uri: "/readyz", status: 200},
	{op: "ready", uri: "/readyz", status: 503, code: "not_ready", down: true},
	{op: "metrics", uri: "/metrics", status: 200},
	{op: "profiles", uri: "/debug/pprof/", status: 200},
}

var saleCases = []apiCase{
	{op: "listSales", uri: "/api/v1/sales", status: 200},
	{op: "listSales", uri: "/api/v1/sales?doors=not_open&doors=paused&limit=1", status: 200},
	{op: "listSales", uri: "/api/v1/sales?limit=0", status: 400, code: "bad_request", bad: true},
	{op: "listSales", uri: "/api/v1/sales?doors=sold_out", status: 400, code: "bad_request", bad: true},
	{op: "listSales", uri: "/api/v1/sales", status: 503, code: "store", down: true},
	{op: "createSale", uri: "/api/v1/sales", body: `{"sale":"new","total":5}`, status: 201},
	{op: "createSale", uri: "/api/v1/sales", status: 201,
		body: `{"sale":"newer","total":5,"hold":"90s","limit_per_buyer":2,` +
			`"opens":"2031-01-01T00:00:00Z","closes":"2031-01-02T00:00:00Z"}`},
	{op: "createSale", uri: "/api/v1/sales", status: 201,
		body: `{"sale":"newest","total":5,"opens":"2031-01-01T00:00:00Z","shuffle":"5s","shuffle_seed":"` +
			strings.Repeat("0a", 16) + `"}`},
	{op: "createSale", uri: "/api/v1/sales", body: `{"sale":"x","total":5,"shuffle":"1ms"}`, status: 400, code: "bad_request"},
	{op: "showSale", uri: "/api/v1/sales/newest", status: 200},
	{op: "createSale", uri: "/api/v1/sales", body: `{"sale":"new","total":5}`, status: 409, code: "exists"},
	{op: "createSale", uri: "/api/v1/sales", body: `{"sale":"x","total":0}`, status: 400, code: "bad_request", bad: true},
	{op: "createSale", uri: "/api/v1/sales", body: `{"sale":"x","total":1,"price":5}`, status: 400, code: "bad_request", bad: true},
	{op: "createSale", uri: "/api/v1/sales", body: `{"sale":"` + strings.Repeat("x", listener.MaxBody) + `"}`, status: 413,
		code: "body_too_large", bad: true},
	{op: "createSale", uri: "/api/v1/sales", body: `{"sale":"x","total":5}`, status: 503, code: "store", down: true},
	{op: "showSale", uri: "/api/v1/sales/newer", status: 200},
	{op: "showSale", uri: "/api/v1/sales/none", status: 404, code: "no_such_sale"},
	{op: "showSale", uri: "/api/v1/sales/odd", status: 409, code: "badsale"},
	{op: "showSale", uri: "/api/v1/sales/foreign", status: 409, code: "foreign"},
	{op: "showSale", uri: "/api/v1/sales/ticket", status: 503, code: "store", down: true},
	{op: "auditSale", uri: "/api/v1/sales/ticket/audit", status: 200},
	{op: "auditSale", uri: "/api/v1/sales/none/audit", status: 404, code: "no_such_sale"},
	{op: "auditSale", uri: "/api/v1/sales/odd/audit", status: 409, code: "badsale"},
	{op: "auditSale", uri: "/api/v1/sales/foreign/audit", status: 409, code: "foreign"},
	{op: "auditSale", uri: "/api/v1/sales/ticket/audit", status: 503, code: "store", down: true},
	{op: "addUnits", uri: "/api/v1/sales/new/add", body: `{"n":5,"request_id":"1"}`, status: 200},
	{op: "addUnits", uri: "/api/v1/sales/new/add", body: `{"n":5}`, status: 400, code: "bad_request", bad: true},
	{op: "addUnits", uri: "/api/v1/sales/none/add", body: `{"n":5,"request_id":"1"}`, status: 404, code: "no_such_sale"},
	{op: "addUnits", uri: "/api/v1/sales/new/add", body: `{"n":4294967294,"request_id":"2"}`, status: 409, code: "toomany"},
	{op: "addUnits", uri: "/api/v1/sales/odd/add", body: `{"n":5,"request_id":"1"}`, status: 409, code: "badsale"},
	{op: "addUnits", uri: "/api/v1/sales/foreign/add", body: `{"n":5,"request_id":"1"}`, status: 409, code: "foreign"},
	{op: "addUnits", uri: "/api/v1/sales/new/add", body: `{"n":5,"request_id":"` + strings.Repeat("x", listener.MaxBody) + `"}`,
		status: 413, code: "body_too_large", bad: true},
	{op: "addUnits", uri: "/api/v1/sales/new/add", body: `{"n":5,"request_id":"1"}`, status: 503, code: "store", down: true},
	{op: "pauseSale", uri: "/api/v1/sales/new/pause", status: 200},
	{op: "pauseSale", uri: "/api/v1/sales/new/pause?wait=2s", status: 200},
	{op: "pauseSale", uri: "/api/v1/sales/new/pause?wait=ever", status: 400, code: "bad_request", bad: true},
	{op: "pauseSale", uri: "/api/v1/sales/none/pause", status: 404, code: "no_such_sale"},
	{op: "pauseSale", uri: "/api/v1/sales/closed/pause", status: 409, code: "closed"},
	{op: "pauseSale", uri: "/api/v1/sales/odd/pause", status: 409, code: "badsale"},
	{op: "pauseSale", uri: "/api/v1/sales/foreign/pause", status: 409, code: "foreign"},
	{op: "pauseSale", uri: "/api/v1/sales/new/pause", status: 503, code: "store", down: true},
	{op: "resumeSale", uri: "/api/v1/sales/new/resume", status: 200},
	{op: "resumeSale", uri: "/api/v1/sales/none/resume", status: 404, code: "no_such_sale"},
	{op: "resumeSale", uri: "/api/v1/sales/closed/resume", status: 409, code: "closed"},
	{op: "resumeSale", uri: "/api/v1/sales/odd/resume", status: 409, code: "badsale"},
	{op: "resumeSale", uri: "/api/v1/sales/foreign/resume", status: 409, code: "foreign"},
	{op: "resumeSale", uri: "/api/v1/sales/new/resume", status: 503, code: "store", down: true},
	{op: "reopenSale", uri: "/api/v1/sales/new/reopen?yes=true", body: `{"grants":true}`, status: 200},
	{op: "reopenSale", uri: "/api/v1/sales/new/reopen", body: `{}`, status: 400, code: "bad_request", bad: true},
	{op: "reopenSale", uri: "/api/v1/sales/none/reopen?yes=true", body: `{}`, status: 404, code: "no_such_sale"},
	{op: "reopenSale", uri: "/api/v1/sales/other/reopen?yes=true", body: `{"grants":true}`, status: 409, code: "changed"},
	{op: "reopenSale", uri: "/api/v1/sales/odd/reopen?yes=true", body: `{}`, status: 409, code: "badsale"},
	{op: "reopenSale", uri: "/api/v1/sales/foreign/reopen?yes=true", body: `{}`, status: 409, code: "foreign"},
	{op: "reopenSale", uri: "/api/v1/sales/new/reopen?yes=true", body: `{"grants":"` + strings.Repeat("x", listener.MaxBody) + `"}`,
		status: 413, code: "body_too_large", bad: true},
	{op: "reopenSale", uri: "/api/v1/sales/new/reopen?yes=true", body: `{}`, status: 503, code: "store", down: true},
	{op: "closeSale", uri: "/api/v1/sales/new/close?wait=100ms", status: 200},
	{op: "closeSale", uri: "/api/v1/sales/new/close?wait=ever", status: 400, code: "bad_request", bad: true},
	{op: "closeSale", uri: "/api/v1/sales/none/close", status: 404, code: "no_such_sale"},
	{op: "closeSale", uri: "/api/v1/sales/odd/close", status: 409, code: "badsale"},
	{op: "closeSale", uri: "/api/v1/sales/foreign/close", status: 409, code: "foreign"},
	{op: "closeSale", uri: "/api/v1/sales/new/close", status: 503, code: "store", down: true},
	{op: "removeSale", uri: "/api/v1/sales/new", status: 400, code: "bad_request", bad: true},
	{op: "removeSale", uri: "/api/v1/sales/new?yes=true", status: 200},
	{op: "removeSale", uri: "/api/v1/sales/new?yes=true", status: 404, code: "no_such_sale"},
	{op: "removeSale", uri: "/api/v1/sales/newer?yes=true", status: 503, code: "store", down: true},
}
