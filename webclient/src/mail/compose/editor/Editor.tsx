// The rich text: TipTap, whose schema lets only what it knows into the message.
import Blockquote from '@tiptap/extension-blockquote';
import Bold from '@tiptap/extension-bold';
import Code from '@tiptap/extension-code';
import Document from '@tiptap/extension-document';
import HardBreak from '@tiptap/extension-hard-break';
import Image from '@tiptap/extension-image';
import Italic from '@tiptap/extension-italic';
import Link from '@tiptap/extension-link';
import { BulletList, ListItem, ListKeymap, OrderedList } from '@tiptap/extension-list';
import Paragraph from '@tiptap/extension-paragraph';
import Strike from '@tiptap/extension-strike';
import Text from '@tiptap/extension-text';
import Underline from '@tiptap/extension-underline';
import { Dropcursor, UndoRedo } from '@tiptap/extensions';
import { type Editor as Instance, EditorContent, useEditor, useEditorState } from '@tiptap/react';
import {
  Bold as BoldIcon,
  Code as CodeIcon,
  Italic as ItalicIcon,
  Link2,
  List,
  ListOrdered,
  Quote,
  RemoveFormatting,
  Strikethrough,
  Underline as UnderlineIcon,
} from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { useIntl } from 'react-intl';

import { ask, IconButton } from '@/parts';

interface EditorProps {
  label: string;
  html: string;
  focus: boolean;
  onChange: (html: string) => void;
  /** Pictures that were pasted or dropped; resolves to where each is read. */
  onImages: (files: File[]) => Promise<string[]>;
  onFiles: (files: File[]) => void;
}

// One by one: the starter kit brings headings, code blocks and more that mail does without.
const EXTENSIONS = [
  Document,
  Paragraph,
  Text,
  HardBreak,
  Bold,
  Italic,
  Underline,
  Strike,
  Code,
  Blockquote,
  BulletList,
  OrderedList,
  ListItem,
  ListKeymap,
  UndoRedo,
  Dropcursor,
  Link.configure({ openOnClick: false, autolink: true }),
  Image.extend({
    // Pictures from elsewhere, in what is quoted, are sent on and not loaded.
    addNodeView() {
      return ({ node }) => {
        const dom = document.createElement('img');
        const { src, alt } = node.attrs as { src: string | null; alt: string | null };
        dom.alt = alt ?? src ?? '';
        if (src?.startsWith('/jmap/')) dom.src = src;
        return { dom };
      };
    },
  }).configure({ allowBase64: false, inline: true }),
];

const STYLE =
  'min-h-28 flex-1 px-4 py-3 text-base outline-none [&_a]:text-accent-ink [&_a]:underline [&_blockquote]:my-1 [&_blockquote]:border-s-2 [&_blockquote]:border-line-strong [&_blockquote]:ps-3 [&_code]:rounded [&_code]:bg-sunken [&_code]:px-1 [&_img]:inline [&_img]:h-auto [&_img]:max-w-full [&_ol]:list-decimal [&_ol]:ps-6 [&_pre]:rounded-lg [&_pre]:bg-sunken [&_pre]:p-3 [&_ul]:list-disc [&_ul]:ps-6 whitespace-pre-wrap break-words';

export function Editor(props: EditorProps) {
  const { label, html, focus, onChange, onImages, onFiles } = props;
  const last = useRef(html);
  const own = useRef<Instance | null>(null);
  const take = (list: FileList | undefined): boolean => {
    const files = [...(list ?? [])];
    if (files.length === 0) return false;
    const images = files.filter((each) => /^image\/(png|jpe?g|gif|webp)$/.test(each.type));
    onFiles(files.filter((each) => !images.includes(each)));
    void onImages(images).then((addresses) => {
      for (const src of addresses) own.current?.commands.setImage({ src });
    });
    return true;
  };
  const editor = useEditor({
    extensions: EXTENSIONS,
    content: html,
    injectCSS: false, // the page's policy allows no style elements
    immediatelyRender: true,
    shouldRerenderOnTransaction: false,
    editorProps: {
      attributes: { class: STYLE, role: 'textbox', 'aria-multiline': 'true', 'aria-label': label },
      handleDOMEvents: {
        // The editor would use these up; they belong to the table of keys and to the window.
        keydown: (_view, event) =>
          event.key === 'Escape' || (event.key === 'Enter' && (event.ctrlKey || event.metaKey)),
      },
      handlePaste: (_view, event) => {
        // A word processor puts a picture of the text beside the text.
        if (event.clipboardData?.types.includes('text/html')) return false;
        return take(event.clipboardData?.files);
      },
      handleDrop: (_view, event, _slice, moved) => {
        const taken = !moved && take(event.dataTransfer?.files);
        if (taken) event.preventDefault();
        return taken;
      },
    },
    onUpdate: ({ editor: changed }) => {
      last.current = changed.getHTML();
      onChange(last.current);
    },
  });
  useEffect(() => {
    // TipTap throws away an editor whose effects come late, and makes another: then we are called again.
    if (editor.isDestroyed) return;
    own.current = editor;
    if (focus) editor.commands.focus('start');
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once
  }, [editor]);
  useEffect(() => {
    // Changed from outside: another signature, the quote opened.
    if (html === last.current || editor.isDestroyed) return;
    last.current = html;
    editor.commands.setContent(html, { emitUpdate: false });
  }, [editor, html]);
  return (
    <>
      <Tools editor={editor} />
      <EditorContent editor={editor} className="flex flex-col" />
    </>
  );
}

function Tools({ editor }: { editor: Instance }) {
  const intl = useIntl();
  const active = useEditorState({
    editor,
    selector: ({ editor: { isActive } }) => {
      const is = isActive.bind(editor);
      return {
        bold: is('bold'),
        italic: is('italic'),
        underline: is('underline'),
        strike: is('strike'),
        bullet: is('bulletList'),
        ordered: is('orderedList'),
        quote: is('blockquote'),
        code: is('code'),
        link: is('link'),
      };
    },
  });
  const run = () => editor.chain().focus();
  const link = async () => {
    const before = editor.getAttributes('link')['href'] as unknown;
    const given = await ask({
      title: intl.formatMessage({ id: 'format.link' }),
      confirm: intl.formatMessage({ id: 'format.link.set' }),
      input: {
        label: intl.formatMessage({ id: 'format.link.address' }),
        value: typeof before === 'string' ? before : 'https://',
      },
    });
    if (given === null) return;
    const href = given.trim();
    if (href === '' || href === 'https://') run().extendMarkRange('link').unsetLink().run();
    else if (!/^(https?:|mailto:|tel:)/i.test(href)) return;
    else if (editor.state.selection.empty && before === undefined)
      run().insertContent({ type: 'text', text: href, marks: [{ type: 'link', attrs: { href } }] }).run(); // prettier-ignore
    else run().extendMarkRange('link').setLink({ href }).run();
  };
  const tool = (id: string, icon: ReactNode, pressed: boolean | null, act: () => void) => (
    <IconButton
      small
      label={intl.formatMessage({ id: `format.${id}` })}
      icon={icon}
      {...(pressed !== null && { pressed })}
      onPointerDown={(event) => event.preventDefault()} // the selection stays
      onClick={act}
    />
  );
  return (
    <div
      role="group"
      aria-label={intl.formatMessage({ id: 'format' })}
      className="sticky top-0 z-10 flex shrink-0 gap-0.5 overflow-x-auto border-b border-line bg-surface px-2 py-1"
    >
      {tool('bold', <BoldIcon size={15} />, active.bold, () => run().toggleBold().run())}
      {tool('italic', <ItalicIcon size={15} />, active.italic, () => run().toggleItalic().run())}
      {tool('underline', <UnderlineIcon size={15} />, active.underline, () =>
        run().toggleUnderline().run(),
      )}
      {tool('strike', <Strikethrough size={15} />, active.strike, () => run().toggleStrike().run())}
      {tool('bullets', <List size={15} />, active.bullet, () => run().toggleBulletList().run())}
      {tool('numbers', <ListOrdered size={15} />, active.ordered, () =>
        run().toggleOrderedList().run(),
      )}
      {tool('quote', <Quote size={15} />, active.quote, () => run().toggleBlockquote().run())}
      {tool('code', <CodeIcon size={15} />, active.code, () => run().toggleCode().run())}
      {tool('link', <Link2 size={15} />, active.link, () => void link())}
      {tool('clear', <RemoveFormatting size={15} />, null, () =>
        run().unsetAllMarks().clearNodes().run(),
      )}
    </div>
  );
}
