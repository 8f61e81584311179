// Who is signed in. A browser can send no bearer with a stream, so a token is traded for a cookie.
import { useSignal } from "@preact/signals";
import { call } from "./api";
import { Field, Form } from "./dialog";
import { ask, leave } from "./live";
import { t } from "./settings";

export function SignIn() {
  const token = useSignal("");
  const send = async () => {
    try {
      await call("POST", "/session", { token: token.value });
    } catch (e) {
      throw /\(401 /.test((e as Error).message) ? new Error(t("wrong_token")) : e;
    }
    await ask();
  };
  return (
    <main id="main" class="signin">
      <h1 tabIndex={-1}>Spike</h1>
      <p>{t("sign_in_why")}</p>
      <Form yes={t("sign_in")} send={send}>
        <Field name="token" label={t("token")} type="password" required set={(v) => (token.value = v)} />
      </Form>
    </main>
  );
}

export async function signOut(): Promise<void> {
  await call("DELETE", "/session").catch(() => undefined);
  leave();
}
