package dashboard

// words are the words of a report in one language.
type words struct {
	Lang  string
	Words map[string]string
}

// languageOf is the language with that name; English if there is none.
func languageOf(name string) words {
	column := 0
	if name == "zh" {
		column = 1
	} else {
		name = "en"
	}
	w := words{Lang: name, Words: make(map[string]string, len(wordTable))}
	for key, in := range wordTable {
		w.Words[key] = in[column]
	}
	return w
}

// wordTable has each word in English and in Chinese.
var wordTable = map[string][2]string{
	"report": {"Report of the sale", "销售报告"}, "printed": {"Printed", "打印时间"}, "by": {"by Spike", "由 Spike"},
	"settings": {"Settings", "设置"}, "state": {"State", "状态"}, "total": {"Total", "总数"}, "hold": {"Hold", "保留时间"},
	"limit": {"Units per buyer, at most", "每位买家限购"}, "none": {"none", "无"}, "opens": {"Opens", "开售"},
	"closes": {"Closes", "结束"}, "draws": {"Lots are drawn", "抽签"}, "seal": {"SHA-256 of the draw's seed", "抽签种子的 SHA-256"},
	"seed": {"Seed of the draw", "抽签种子"}, "entrants": {"Entrants", "参与人数"}, "trouble": {"Trouble", "故障"},
	"final": {"No unit comes back by itself any more.", "不再有库存自动退回。"}, "seconds": {"s", "秒"},

	"places": {"Where the units are", "库存分布"}, "place": {"Place", "位置"}, "units": {"Units", "数量"},
	"free": {"free", "可售"}, "leased": {"leased", "租给边缘"}, "limbo": {"limbo", "待定"}, "pending": {"pending", "待支付"},
	"confirmed": {"confirmed", "已支付"},

	"audit": {"Audit", "审计"}, "audit_ok": {"Every unit is accounted for once.", "每件库存都恰好计入一次。"},
	"audit_counts": {"By the ledger's own counts: the sale changed too fast to read every owner.", "按账本计数：变化太快，未逐一读取所有者。"},
	"audit_bad":    {"The account does not add up:", "账目不符："},

	"buys": {"What buyers heard", "买家收到的答复"}, "outcome": {"Answer", "答复"}, "count": {"Buys", "次数"},
	"buys_note": {"Counted by the edges that run now, each since its start. nginx' own answers are not among them.",
		"由当前运行的边缘各自启动以来计数，不含 nginx 直接给出的答复。"},
	"buys_none": {"No edge that runs now has answered a buy of this sale.", "当前运行的边缘没有答复过此销售的购买请求。"},
	"undecided": {"undecided", "未决"}, "won": {"won", "购得"}, "sold_out": {"sold out", "售罄"}, "none_now": {"none now", "暂无"},
	"paused": {"paused", "已暂停"}, "not_open": {"not open", "未开售"}, "closed": {"closed", "已结束"}, "open": {"open", "销售中"},
	"drawing": {"drawing", "抽签报名中"}, "refused": {"refused", "被拒绝"}, "over_limit": {"over the limit", "超过限购"},
	"no_buyer": {"no buyer named", "未标明买家"}, "key_used": {"key used", "键已使用"}, "entered": {"entered the draw", "已参与抽签"},
	"n_over_limit": {"n over the limit", "数量超过限购"},

	"timeline": {"What happened", "经过"}, "timeline_none": {"The journal has no entry of this sale.", "日志中没有此销售的条目。"},
	"when": {"When", "时间"}, "what": {"What", "事件"}, "who": {"Who", "谁"}, "from": {"From", "来自"}, "more": {"Details", "详情"},
	"created": {"created", "创建"}, "added": {"added", "加库存"}, "resumed": {"resumed", "恢复"}, "reopened": {"reopened", "重新放行"},
	"removed": {"removed", "删除"}, "edited": {"edited", "修改"}, "mended": {"mended", "修复"}, "released": {"released", "释放"},
	"well": {"trouble is over", "故障结束"}, "era": {"history was cut", "历史中断"}, "prolonged": {"prolonged", "延长"},

	"places_over_time": {"Units over the last minutes", "最近几分钟的库存"},
	"buys_over_time":   {"Buys a second, by answer", "每秒购买，按答复"},

	"edges": {"Edges", "边缘"}, "edges_none": {"No edge is known.", "没有已知的边缘。"}, "node": {"Node", "节点"},
	"version": {"Version", "版本"}, "ready": {"Ready", "就绪"}, "yes": {"yes", "是"}, "no": {"no", "否"}, "gone": {"gone", "失联"},
	"lost": {"Claims lost", "丢失的成交"}, "unsettled": {"Unsettled", "未结算"}, "holds": {"Holds units", "持有库存"},

	"orders": {"Orders", "订单"}, "orders_none": {"No order worker is known.", "没有已知的订单进程。"}, "database": {"Database", "数据库"},
	"unread": {"Unread", "未读"}, "unacked": {"Unacknowledged", "未确认"}, "lag": {"Lag", "延迟"},
	"parked": {"Webhooks parked", "搁置的回调"}, "bad_orders": {"Orders refused", "被拒订单"},
}
