// Runs inside Thunderbird, with its own privileges: helpers, then the test's body.
const done = arguments[arguments.length - 1];
const args = Array.from(arguments).slice(0, -1);
(async () => {
  const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
  const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
  const server = MailServices.accounts.accounts[0].incomingServer;
  const identity = MailServices.accounts.accounts[0].defaultIdentity;
  const wait = start => new Promise((resolve, reject) => start({
    QueryInterface: ChromeUtils.generateQI(["nsIUrlListener", "nsIMsgCopyServiceListener"]),
    OnStartRunningUrl() {}, onStartCopy() {}, onProgress() {}, setMessageKey() {},
    getMessageId() { return null; },
    OnStopRunningUrl(url, code) { code ? reject(new Error("url " + code.toString(16))) : resolve(); },
    onStopCopy(code) { code ? reject(new Error("copy " + code.toString(16))) : resolve(); },
  }));
  const folder = name => server.rootFolder.getChildNamed(name);
  const messages = f => [...f.messages].sort((a, b) => a.messageKey - b.messageKey);
  const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
  const until = async (what, ask) => {
    for (let n = 0; n < 300; n++) { const got = await ask(); if (got) return got; await pause(100); }
    throw new Error("gave up waiting for " + what);
  };
  const open = name => {
    server.performExpand(null);
    return until(name, () => { try { return folder(name); } catch { return null; } });
  };
  // An update asked for while another runs is dropped, so ask until it shows.
  const shows = async (f, what, holds) => {
    for (let n = 0; n < 60; n++) {
      f.updateFolder(null);
      for (let m = 0; m < 5; m++) { if (holds(messages(f))) return messages(f); await pause(100); }
    }
    throw new Error("never showed " + what + ": " + messages(f).map(m => m.mime2DecodedSubject));
  };
  const source = m => new Promise((resolve, reject) => {
    const uri = m.folder.getUriForMsg(m);
    let text = "";
    MailServices.messageServiceFromURI(uri).streamMessage(uri, {
      QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
      onStartRequest() {},
      onDataAvailable(request, stream, offset, count) {
        const input = Cc["@mozilla.org/scriptableinputstream;1"].createInstance(Ci.nsIScriptableInputStream);
        input.init(stream);
        text += input.read(count);
      },
      onStopRequest(request, code) { code ? reject(new Error("stream " + code.toString(16))) : resolve(text); },
    }, null, null, false, "", false);
  });
  const search = (f, word) => new Promise(resolve => {
    const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
    session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, f);
    const term = session.createTerm();
    const value = term.value;
    value.attrib = Ci.nsMsgSearchAttrib.Body;
    value.str = word;
    term.value = value;
    term.attrib = Ci.nsMsgSearchAttrib.Body;
    term.op = Ci.nsMsgSearchOp.Contains;
    session.appendTerm(term);
    const hits = [];
    session.registerListener({
      onNewSearch() {},
      onSearchHit(header) { hits.push(header.mime2DecodedSubject); },
      onSearchDone() { resolve(hits); },
    }, Ci.nsIMsgSearchSession.allNotifications);
    session.search(null);
  });
  const create = async name => {
    server.rootFolder.createSubfolder(name, null);
    await open(name);
  };
  const copy = (from, list, to, move) =>
    wait(l => MailServices.copy.copyMessages(from, list, to, move, l, null, false));
  const append = async (text, to) => {
    const it = await file(text);
    await wait(l => MailServices.copy.copyFileMessage(it, to, null, false, 0, "", l, null));
  };
  const remove = (f, list) => wait(l => f.deleteMessages(list, null, true, false, l, false));
  const file = async text => {
    const it = Services.dirsvc.get("TmpD", Ci.nsIFile);
    it.append("message.eml");
    it.createUnique(Ci.nsIFile.NORMAL_FILE_TYPE, 0o600);
    await IOUtils.writeUTF8(it.path, text);
    return it;
  };
  const send = async (to, text) => {
    const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
    fields.from = identity.email;
    fields.to = to;
    fields.fcc = folder("Sent") ? folder("Sent").URI : "";
    const sender = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
    const it = await file(text);
    return new Promise((resolve, reject) => sender.sendMessageFile(
      identity, "account1", fields, it, false, false, Ci.nsIMsgSend.nsMsgDeliverNow, null, {
        QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener", "nsIMsgCopyServiceListener"]),
        onStartSending() {}, onSendProgress() {}, onStatus() {}, onGetDraftFolderURI() {},
        onSendNotPerformed() { reject(new Error("not sent")); }, onTransportSecurityError() {},
        onStopSending(id, code) { code ? reject(new Error("send " + code.toString(16))) : resolve("sent"); },
        onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() {}, onStopCopy() {},
      }, null, ""));
  };
  /* BODY */
})().then(value => done({ value }), error => done({ error: String(error) + "\n" + error.stack }));
