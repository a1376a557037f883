// Begins what a page needs. Without scripts every page still works: these only make it quicker to use.
import { live } from "./live.js";
import { keys } from "./keys.js";
import { tables } from "./table.js";
import { hl7 } from "./hl7.js";
import { editor } from "./editor.js";

live();
keys();
tables();
hl7();
editor();
