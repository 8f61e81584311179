// The frame around every page.
import { useComputed, useSignalEffect } from "@preact/signals";
import { Asking } from "./actions";
import { Making } from "./create";
import { look, lost, session, silent } from "./live";
import { Edges } from "./pages/edges";
import { Front } from "./pages/front";
import { Journal } from "./pages/journal";
import { Orders } from "./pages/orders";
import { Sale } from "./pages/sale";
import { Sales } from "./pages/sales";
import { A, pages, path, shown } from "./route";
import { lang, langs, t, theme, themes } from "./settings";
import { SignIn, signOut } from "./signin";
import { Banner, Said, Strip, Troubles } from "./strip";
import { troubles } from "./trouble";

const bodies = { sales: Sales, edges: Edges, orders: Orders, front: Front, journal: Journal };

export function App() {
  useSignalEffect(() => {
    const bad = lost.value || silent.value || troubles.value.length > 0;
    document.title = `${bad && session.value ? "(!) " : ""}${shown.value ?? title()} · Spike`;
  });
  return (
    <>
      <a class="skip" href="#main">
        {t("skip")}
      </a>
      <Header />
      {session.value === null ? <SignIn /> : <Main />}
      <Said />
      <Asking />
      <Making />
    </>
  );
}

const page = () => pages[path.value as keyof typeof pages] as (typeof pages)[keyof typeof pages] | undefined;
const title = () => t(page() ?? "sales");

function Header() {
  return (
    <header>
      <b class="brand">Spike</b>
      {session.value && (
        <nav aria-label={t("pages")}>
          {Object.entries(pages).map(([href, word]) => (
            <A key={href} href={href} current={path.value === href}>
              {t(word)}
            </A>
          ))}
        </nav>
      )}
      <div class="choices">
        <select aria-label={t("language")} value={lang} onChange={(e) => (lang.value = e.currentTarget.value as keyof typeof langs)}>
          {Object.entries(langs).map(([id, name]) => (
            <option key={id} value={id} lang={id}>
              {name}
            </option>
          ))}
        </select>
        <select aria-label={t("theme")} value={theme} onChange={(e) => (theme.value = e.currentTarget.value as (typeof themes)[number])}>
          {themes.map((name) => (
            <option key={name} value={name}>
              {t(name)}
            </option>
          ))}
        </select>
        {session.value?.role === "viewer" && <span class="state">{t("viewer")}</span>}
        {session.value?.token_needed && (
          <button type="button" onClick={() => void signOut()}>
            {t("sign_out")}
          </button>
        )}
      </div>
    </header>
  );
}

function Main() {
  return (
    <main id="main">
      <Banner />
      <Strip />
      <Troubles />
      <Body />
    </main>
  );
}

function Body() {
  const started = useComputed(() => look.value !== null);
  if (session.value?.role === "payment") return <p>{t("payment_role")}</p>;
  if (!started.value) return <p>{t("loading")}</p>;
  if (shown.value !== undefined) return <Sale key={shown.value} name={shown.value} />;
  const name = page();
  if (!name) return <p>{t("nowhere")}</p>;
  const Page = bodies[name];
  return <Page />;
}
