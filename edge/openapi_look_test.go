package edge

// lookCases are what the dashboard's page asks for.
var lookCases = []apiCase{
	{op: "tellSession", uri: "/session", status: 200},
	{op: "beginSession", uri: "/session", status: 204, body: `{"token":"` + adminToken + `"}`},
	{op: "beginSession", uri: "/session", status: 401, code: "no_token", body: `{"token":"wrong"}`},
	{op: "beginSession", uri: "/session", status: 400, code: "bad_request", body: `{"token":5}`, bad: true},
	{op: "beginSession", uri: "/session", status: 403, code: "cross_origin", body: `{"token":"x"}`,
		header: map[string]string{"Sec-Fetch-Site": "cross-site"}},
	{op: "endSession", uri: "/session", status: 204},
	{op: "endSession", uri: "/session", status: 403, code: "cross_origin", header: map[string]string{"Sec-Fetch-Site": "cross-site"}},
	{op: "look", uri: "/api/v1/look?sale=ticket", status: 200},
	{op: "look", uri: "/api/v1/look?sale=a%20b", status: 400, code: "bad_request"},
	{op: "look", uri: "/api/v1/look", status: 503, code: "store", down: true},
	{op: "journal", uri: "/api/v1/journal?n=5", status: 200},
	{op: "journal", uri: "/api/v1/journal?n=0", status: 400, code: "bad_request", bad: true},
	{op: "journal", uri: "/api/v1/journal", status: 503, code: "store", down: true},
	{op: "report", uri: "/sales/ticket/report.html?lang=zh", status: 200},
	{op: "report", uri: "/sales/none/report.html", status: 404, code: "no_such_sale"},
	{op: "report", uri: "/sales/ticket/report.html", status: 503, code: "store", down: true},
}
