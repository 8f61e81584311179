// What the page says, in two languages. Answers of the server are told by their codes, never by their own words.
const en = {
  shop: "Shop", other: "中文", sales: "Sales", loading: "One moment…", logout: "Log out",
  login: "Who buys?", loginText: "This shop believes any name. Yours asks for a password here.", name: "Name", enter: "Log in", bad_buyer: "Letters, digits and _ . @ - only.",
  soon: "Opens soon", soonText: "The time is the shop's, not your device's. Keep this page open: you need not reload it.",
  open: "It is open", openText: "One ticket each, while there are any.", buy: "Buy", buying: "Buying…", buyingText: "This page asks again by itself. You will not buy twice.",
  lotsText: "Who comes while it draws has the same chance. There is no need to hurry.", enterDraw: "Enter the draw",
  none_now: "None just now", none_nowText: "All tickets are in somebody's hands. Some may come back: this page asks again.",
  paused: "The sale is paused", pausedText: "It goes on soon: this page asks again.",
  undecided: "We do not know yet", undecidedText: "There was no answer. This page asks again, and you will not buy twice.",
  too_many_requests: "Very many people", too_many_requestsText: "You are not forgotten: this page asks again.",
  stopped: "Not asking any more", stoppedText: "Ask again whenever you like. You will not buy twice.", stop: "Stop asking", again: "Ask again",
  sold_out: "Sold out", sold_outText: "Every ticket has its owner.", closed: "The sale is over", closedText: "Nothing is sold any more.",
  over_limit: "You have yours already", over_limitText: "One buyer may not have more.", n_over_limit: "Not so many", n_over_limitText: "One buyer may not have so many at once.",
  key_used: "This try was for something else", key_usedText: "Begin a new one.", no_such_sale: "There is no such sale", no_such_saleText: "Look at the address.",
  trouble: "Something is wrong here", troubleText: "The shop has been asked for something that it does not know:",
  held: "It is yours until the time ends", heldText: "Pay before then, or somebody else may have it.", heldForever: "It is yours", pay: "Pay", cancel: "Give it back",
  ended: "Your time has ended", endedText: "The ticket is on sale again.", cancelled: "You gave it back", cancelledText: "The ticket is on sale again.", next: "Buy again",
  entered: "You are in the draw", enteredText: "Keep this page open. A winner who does not come in time loses the ticket.", lost: "Not this time", lostText: "Your lot has not won. Tickets that nobody fetches are sold afterwards.",
  uncollected: "Your lot had won", uncollectedText: "But nobody fetched the ticket in time.",
  started: "Your payment is open", startedText: "Go on at the provider's.", goOn: "Go on", approved: "Your payment is being booked", approvedText: "You may wait here. You pay once.",
  paid: "Paid. Thank you!", paidText: "This is your receipt.", returned: "The payment came too late", returnedText: "Your time had ended. The money goes back to you.",
  refused: "The payment was refused", refusedText: "You may try again while the ticket is yours.", back: "Back",
  sale: "Sale", serial: "Ticket", reservation: "Reservation", amount: "Amount", record: "In our books", payment: "Payment",
  confirmed: "confirmed", reserved: "reserved", prolonged: "reserved", released: "on sale again",
  provider: "A payment provider", providerText: "It plays one: no money moves. Spike has prolonged your hold.", approve: "Pay now", decline: "Refuse", noPayment: "There is no such payment",
};

const zh = {
  shop: "商店", other: "English", sales: "销售", loading: "请稍候…", logout: "退出",
  login: "您是谁？", loginText: "此示例接受任何名字。您的商店应在此要求密码。", name: "名字", enter: "登录", bad_buyer: "只能用字母、数字和 _ . @ -。",
  soon: "即将开售", soonText: "倒计时以商店的时钟为准，与您的设备无关。请保持页面打开，无需刷新。",
  open: "已开售", openText: "每人一张，售完为止。", buy: "购买", buying: "正在购买…", buyingText: "页面会自动重试，您不会重复购买。",
  lotsText: "抽签期间到来的人机会均等，不必着急。", enterDraw: "参加抽签",
  none_now: "暂时没有票", none_nowText: "所有票都有人持有，可能会有退回：页面会自动再问。",
  paused: "销售已暂停", pausedText: "很快继续：页面会自动再问。",
  undecided: "结果尚不确定", undecidedText: "没有收到回答。页面会自动再问，您不会重复购买。",
  too_many_requests: "人太多了", too_many_requestsText: "您没有被遗忘：页面会自动再问。",
  stopped: "已停止询问", stoppedText: "您可以随时再问，不会重复购买。", stop: "停止询问", again: "再问一次",
  sold_out: "已售罄", sold_outText: "每张票都有了主人。", closed: "销售已结束", closedText: "不再出售。",
  over_limit: "您已经有票了", over_limitText: "每位买家不能再多买。", n_over_limit: "数量太多", n_over_limitText: "每位买家不能一次买这么多。",
  key_used: "此次尝试用于别的购买", key_usedText: "请重新开始。", no_such_sale: "没有这个销售", no_such_saleText: "请检查网址。",
  trouble: "出了问题", troubleText: "商店不认识这个请求：",
  held: "在时间结束前，票归您", heldText: "请在此之前付款，否则可能归别人。", heldForever: "票归您了", pay: "付款", cancel: "退回",
  ended: "您的时间已到", endedText: "票已重新出售。", cancelled: "您已退回", cancelledText: "票已重新出售。", next: "再买一次",
  entered: "您已参加抽签", enteredText: "请保持页面打开。中签者若不及时领取，票会失去。", lost: "这次没有中签", lostText: "无人领取的票随后出售。",
  uncollected: "您曾中签", uncollectedText: "但没有及时领取。",
  started: "您的付款尚未完成", startedText: "请到支付页面继续。", goOn: "继续", approved: "正在记录您的付款", approvedText: "您可以在此等候，只会付一次。",
  paid: "付款成功，谢谢！", paidText: "这是您的收据。", returned: "付款太迟", returnedText: "您的时间已到。款项将退还给您。",
  refused: "付款被拒绝", refusedText: "票仍归您时可以再试。", back: "返回",
  sale: "销售", serial: "票号", reservation: "预订", amount: "金额", record: "我们的记录", payment: "付款",
  confirmed: "已确认", reserved: "已预订", prolonged: "已预订", released: "已重新出售",
  provider: "支付服务", providerText: "这是模拟：没有真正的付款。Spike 已延长您的保留时间。", approve: "立即付款", decline: "拒绝", noPayment: "没有这笔付款",
};

const stored = localStorage.getItem("shop:lang");
const chinese = stored ? stored === "zh" : navigator.language.startsWith("zh");
export const w = chinese ? zh : en;

// header fills the head of a page. The language changes by a reload: a page loses nothing by it.
export function header(buyer) {
  document.documentElement.lang = chinese ? "zh-CN" : "en";
  document.getElementById("home").textContent = w.shop;
  document.getElementById("who").textContent = buyer ?? "";
  const button = document.getElementById("lang");
  button.textContent = w.other;
  button.lang = chinese ? "en" : "zh-CN";
  button.onclick = () => {
    localStorage.setItem("shop:lang", chinese ? "en" : "zh");
    location.reload();
  };
}

// money is an amount in the page's language.
export const money = (cents) => new Intl.NumberFormat(chinese ? "zh-CN" : "en", { style: "currency", currency: "EUR" }).format(cents / 100);

// languages are for a test that both say the same things.
export const languages = { en, zh };
