// Hold Kubernetes manifests against the models of the official client: unknown fields,
// wrong types, missing fields, versions that are no more.
//
//   kubectl kustomize DIR | node lint.mjs NODE_MODULES
//
// A line for each fault, "Kind/name: field: what is wrong", and exit 1; or nothing, and 0.
// With a second argument, --json: nothing is checked, and the manifests come out as JSON.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const modules = resolve(process.argv[2]);
const load = (path) => import(pathToFileURL(join(modules, path)).href);
const generated = '@kubernetes/client-node/dist/gen';
const { parseAllDocuments } = await load('yaml/dist/index.js');

// Kinds that operators bring along. Their schema is not the cluster's own.
const FOREIGN = new Set(['monitoring.coreos.com/v1 ServiceMonitor']);

const faults = [];
const required = new Map();

const capital = (s) => s[0].toUpperCase() + s.slice(1);

async function model(name) {
    const file = `${generated}/models/${name}.js`;
    return existsSync(join(modules, file)) ? (await load(file))[name] : undefined;
}

// The generated maps do not say what must be there; the declarations do, by a missing '?'.
function requiredOf(name) {
    if (!required.has(name)) {
        const text = readFileSync(join(modules, `${generated}/models/${name}.d.ts`), 'utf8');
        const fields = text.matchAll(/^ {4}'(\w+)'(\??):/gm);
        required.set(name, [...fields].filter((f) => !f[2]).map((f) => f[1]));
    }
    return required.get(name);
}

// Is there a way to create such a thing? apps/v1 Deployment: AppsV1Api has one.
async function modelOf(apiVersion, kind) {
    const [version, group] = apiVersion.split('/').reverse();
    const words = group ? group.replace(/\.k8s\.io$/, '').split('.') : ['core'];
    const api = words.map(capital).join('') + capital(version) + 'Api';
    const file = join(modules, `${generated}/apis/${api}.d.ts`);
    const calls = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const known = new RegExp(`^    create(Namespaced)?${kind}\\(`, 'm').test(calls);
    return known ? model(capital(version) + kind) : undefined;
}

const kindOf = (v) => (v === null ? 'nothing' : Array.isArray(v) ? 'a list' : typeof v);

function scalar(at, value, type, format) {
    const is = typeof value;
    const whole = is === 'number' && Number.isInteger(value);
    const fits = {
        string: is === 'string',
        boolean: is === 'boolean',
        number: format.startsWith('int') ? whole : is === 'number',
        IntOrString: whole || is === 'string',
        Date: is === 'string',
        Set: Array.isArray(value),
        object: is === 'object' && value !== null,
        any: true,
    }[type];
    if (fits === undefined)
        faults.push(`${at}: cannot be checked: it is of type ${type}`);
    else if (!fits)
        faults.push(`${at}: ${type} expected, not ${kindOf(value)}`);
}

async function check(at, value, type, format) {
    const list = /^Array<(.*)>$/.exec(type);
    const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
    if (list && !Array.isArray(value)) {
        faults.push(`${at}: a list expected, not ${kindOf(value)}`);
    } else if (list) {
        for (const [i, v] of value.entries())
            await check(`${at}[${i}]`, v, list[1], format);
    } else if (map && (typeof value !== 'object' || !value || Array.isArray(value))) {
        faults.push(`${at}: a mapping expected, not ${kindOf(value)}`);
    } else if (map) {
        for (const [key, v] of Object.entries(value))
            await check(`${at}.${key}`, v, map[1], format);
    } else {
        const known = await model(type);
        await (known ? object(at, value, known) : scalar(at, value, type, format));
    }
}

async function object(at, value, known) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        faults.push(`${at}: a mapping expected, not ${kindOf(value)}`);
        return;
    }
    const fields = new Map(known.getAttributeTypeMap().map((a) => [a.baseName, a]));
    for (const name of requiredOf(known.name))
        if (!(name in value))
            faults.push(`${at}: ${name} is missing`);
    for (const [name, v] of Object.entries(value)) {
        const field = fields.get(name);
        if (!field)
            faults.push(`${at}: there is no field ${name}`);
        else
            await check(`${at}.${name}`, v, field.type, field.format);
    }
}

// As a cluster reads it: YAML 1.1, where `no` is false and 0755 is a number.
const documents = parseAllDocuments(readFileSync(0, 'utf8'), { version: '1.1' });
if (process.argv[3] === '--json') {
    console.log(JSON.stringify(documents.map((d) => d.toJS()).filter(Boolean)));
    process.exit(0);
}
let things = 0;
for (const d of documents) {
    d.errors.forEach((e) => faults.push(e.message.split('\n')[0]));
    const thing = d.toJS();
    if (!thing)
        continue;
    things++;
    const { apiVersion = '', kind = '' } = thing;
    if (FOREIGN.has(`${apiVersion} ${kind}`))
        continue;
    const at = `${kind}/${thing.metadata?.name}`;
    const known = await modelOf(apiVersion, kind);
    if (known)
        await object(at, thing, known);
    else
        faults.push(`${at}: there is no ${kind} in ${apiVersion}`);
    if (!thing.metadata?.name && !thing.metadata?.generateName)
        faults.push(`${at}: it has no name`);
}
if (things === 0)
    faults.push('there is nothing to check');
if (faults.length)
    console.log(faults.join('\n'));
process.exit(faults.length ? 1 : 0);
