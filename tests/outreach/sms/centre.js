// A message centre made with npm's smpp, for a second opinion on our bytes. It says on standard output, a JSON a line,
// where it listens, every text as it reads it, and the statuses with which its own deliveries were answered.
const smpp = require("smpp");
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
let count = 0;

const server = smpp.createServer((session) => {
  session.on("error", () => {});
  session.on("bind_transceiver", (pdu) => {
    const isKnown = pdu.system_id === "dunwell" && pdu.password === "secret";
    session.send(pdu.response({ command_status: isKnown ? 0 : smpp.ESME_RINVPASWD }));
  });
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => { session.send(pdu.response()); session.close(); });
  session.on("submit_sm", (pdu) => {
    count += 1;
    if (pdu.destination_addr === "85260000058") {
      session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
      return;
    }
    const id = "n" + count;
    session.send(pdu.response({ message_id: id }));
    const udh = pdu.short_message.udh ? Array.from(pdu.short_message.udh[0] || pdu.short_message.udh) : [];
    say({ to: pdu.destination_addr, text: pdu.short_message.message, udh, id, validity: pdu.validity_period });
    session.deliver_sm({
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
      short_message: `id:${id} sub:001 dlvrd:001 submit date:2611240800 done date:2611240801 stat:DELIVRD err:000 text:x`,
      receipted_message_id: id, message_state: 2,
    }, (answer) => say({ answered: answer.command_status }));
    session.deliver_sm({
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, short_message: "好的, $5 €",
    }, (answer) => say({ answered: answer.command_status }));
  });
});
server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
